import * as z from 'zod';
import type { Judge } from '../../server/store/snapshot-check.ts';
import type { Rewrite } from '../../server/store/snapshot.ts';

const storedSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/** The object that tells drivers the incarnation (docs/adr/0004-fencing.md). */
const SYSTEM_NAMESPACE_KEY = 'core/namespaces/lenticular-system';
const INCARNATION = 'ops.lenticular.dev/incarnation';

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** What the server keeps for itself begins with this, and is no object of the API. */
const OWN = 'progress/';

/** Finds what is not an object of the API, or lies under another one's key. */
export const judgeObject: Judge = ({ key, value }) => {
  if (key.startsWith(OWN)) return undefined;
  const object = storedSchema.safeParse(parsed(value));
  if (!object.success) return `${key}: its value is not an object of the API`;
  const { apiVersion, metadata } = object.data;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : 'core';
  const [first, , ...rest] = key.split('/');
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  if (first !== group || rest.join('/') !== name) return `${key}: it holds ${group} ${name}`;
  return undefined;
};

/**
 * Writes the incarnation where drivers are told of it, in the same copy, so that no controller can read the old one; never lowers it.
 * Every other object keeps its bytes.
 */
export const raiseIncarnation: Rewrite = ({ key, value }, incarnation) => {
  if (key !== SYSTEM_NAMESPACE_KEY) return value;
  const object = storedSchema.parse(JSON.parse(value));
  const said = Number(object.metadata.annotations?.[INCARNATION] ?? '1');
  const raised = Number.isSafeInteger(said) ? Math.max(incarnation, said + 1) : incarnation;
  const annotations = { ...object.metadata.annotations, [INCARNATION]: String(raised) };
  return JSON.stringify({ ...object, metadata: { ...object.metadata, annotations } });
};
