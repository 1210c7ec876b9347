import { kubectlJson } from './kubectl-json.ts';
import { sameJson, type JsonObject } from './merge.ts';

/** kubectl's annotation, so that both tools can take turns on one object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The manifest that was applied last, as the live object tells; empty where it tells nothing. */
export function lastApplied(annotations: Readonly<Record<string, unknown>> | undefined): JsonObject {
  const text = annotations?.[LAST_APPLIED];
  if (typeof text !== 'string') return {};
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {}; // Somebody's own text under kubectl's name: then nothing is known to have been applied.
  }
}

/**
 * The manifest with the annotation that says what was applied, and with its namespace where there is one. A live annotation that says the
 * same in other words is kept as it is, so that nothing has to be written.
 */
export function withLastApplied(
  manifest: JsonObject,
  options: { readonly namespace: string | undefined; readonly live: Readonly<Record<string, unknown>> | undefined },
): JsonObject {
  const metadata = manifest.metadata as JsonObject;
  const given = metadata.annotations as JsonObject | null | undefined;
  const annotations = Object.fromEntries(Object.entries(given ?? {}).filter(([key]) => key !== LAST_APPLIED));
  const plain = {
    ...manifest,
    metadata: { ...metadata, annotations, ...(options.namespace !== undefined && { namespace: options.namespace }) },
  };
  const before = options.live?.[LAST_APPLIED];
  const text = before !== undefined && sameJson(lastApplied(options.live), plain) ? before : kubectlJson(plain);
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } };
}
