import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { objectOf, type Entry } from '../registry/entry.ts';
import { visitRows } from '../registry/rows.ts';
import { isList, isObject, sameJson, valueAt } from '../registry/json.ts';
import { isNamespaces, keyOf, prefixIn, type Resource } from '../registry/resource.ts';
import { placeOf, storedResources, timeOf, type Loop } from './loop.ts';
import { createBell, runPasses } from './pass.ts';
import { isOvertaken } from './speaker.ts';

const RESYNC_MS = 30_000;
const NAMED = 10;

interface Content {
  readonly resource: Resource;
  readonly object: ApiObject;
}

/** What stands in the way of a namespace's end, and how it is told. */
interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

async function contentOf(loop: Loop, namespace: string, signal: AbortSignal): Promise<readonly Content[]> {
  const content: Content[] = [];
  for (const resource of storedResources(loop).filter(({ kind }) => kind.scope === 'Namespaced')) {
    const visit = (entry: Entry): void => {
      content.push({ resource, object: objectOf(entry) });
    };
    await visitRows(loop.cache.table(resource.prefix).rows(prefixIn(resource, namespace)), visit, signal);
  }
  return content;
}

/** The namespace that a key of a resource is in; empty where it is in none. */
function namespaceOf(prefix: string, key: string): string {
  return key.slice(prefix.length, Math.max(prefix.length, key.lastIndexOf('/')));
}

function named(content: readonly Content[]): string {
  const names = content.slice(0, NAMED).map(({ resource, object }) => `${resource.name} "${object.metadata.name}"`);
  return content.length > NAMED ? `${names.join(', ')} and ${String(content.length - NAMED)} more` : names.join(', ');
}

/** Asks for the deletion of what is not going yet; answers why some of it may not go. */
async function deleteContent(loop: Loop, content: readonly Content[], signal: AbortSignal): Promise<readonly string[]> {
  const refusals: string[] = [];
  for (const { resource, object } of content) {
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const options = { propagationPolicy: 'Background', preconditions: { uid: object.metadata.uid } };
    await loop.speaker.remove(placeOf(resource, object), options, signal).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      if (!isOvertaken(error)) refusals.push(error.message);
    });
  }
  return refusals;
}

function conditionsOf(left: readonly Content[], refusals: readonly string[]): readonly Condition[] {
  const held = left.filter(({ object }) => (object.metadata.finalizers ?? []).length > 0);
  const finalizers = [...new Set(held.flatMap(({ object }) => object.metadata.finalizers ?? []))];
  return [
    refusals.length > 0
      ? {
          type: 'NamespaceDeletionContentFailure',
          status: 'True',
          reason: 'ContentDeletionFailed',
          message: refusals.slice(0, NAMED).join('; '),
        }
      : { type: 'NamespaceDeletionContentFailure', status: 'False', reason: 'ContentDeleted', message: 'All content may be deleted' },
    left.length > 0
      ? {
          type: 'NamespaceContentRemaining',
          status: 'True',
          reason: 'SomeResourcesRemain',
          message: `Some resources are remaining: ${named(left)}`,
        }
      : { type: 'NamespaceContentRemaining', status: 'False', reason: 'ContentRemoved', message: 'All content was removed' },
    held.length > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content has finalizers: ${finalizers.join(', ')}: ${named(held)}`,
        }
      : { type: 'NamespaceFinalizersRemaining', status: 'False', reason: 'ContentHasNoFinalizers', message: 'No content has finalizers' },
  ];
}

/** The conditions with the time since when each is as it is. */
function dated(loop: Loop, namespace: ApiObject, conditions: readonly Condition[]): readonly object[] {
  const before = valueAt(namespace, 'status.conditions');
  return conditions.map((condition) => {
    const old = isList(before) ? before.find((each) => isObject(each) && each.type === condition.type) : undefined;
    const kept = isObject(old) && old.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: kept ?? timeOf(loop.clock, 'seconds') };
  });
}

async function emptyNamespace(loop: Loop, resource: Resource, namespace: ApiObject, signal: AbortSignal): Promise<void> {
  const { name } = namespace.metadata;
  const refusals = await deleteContent(loop, await contentOf(loop, name, signal), signal);
  await loop.cache.fresh(signal);
  const left = await contentOf(loop, name, signal);
  if (left.length > 0) {
    const conditions = dated(loop, namespace, conditionsOf(left, refusals));
    if (sameJson(conditions, valueAt(namespace, 'status.conditions'))) return;
    await loop.speaker.replace(
      placeOf(resource, namespace),
      'status',
      { ...namespace, status: { phase: 'Terminating', conditions } },
      signal,
    );
    return;
  }
  const finalizers = valueAt(namespace, 'spec.finalizers');
  if (!isList(finalizers) || !finalizers.includes('kubernetes')) return;
  const others = finalizers.filter((finalizer) => finalizer !== 'kubernetes');
  await loop.speaker.replace(placeOf(resource, namespace), 'finalize', { ...namespace, spec: { finalizers: others } }, signal);
}

/** Content whose namespace is gone: made by a request that was checked before the namespace went, and written after. */
async function strays(loop: Loop, resource: Resource, signal: AbortSignal): Promise<readonly Content[]> {
  const found: Content[] = [];
  for (const home of storedResources(loop).filter(({ kind }) => kind.scope === 'Namespaced')) {
    const visit = (entry: Entry): void => {
      // The namespaces of now, which are newer than the rows: one that was made since is there.
      const namespace = loop.cache.table(resource.prefix).get(keyOf(resource, '', namespaceOf(home.prefix, entry.key)));
      if (namespace === undefined) found.push({ resource: home, object: objectOf(entry) });
    };
    await visitRows(loop.cache.table(home.prefix).rows(home.prefix), visit, signal);
  }
  return found;
}

/** Deletes the content of namespaces that are going, then lets them go; says in their status what stands in the way. */
export async function emptyNamespaces(loop: Loop, signal: AbortSignal): Promise<void> {
  const resource = loop.resources.find(isNamespaces);
  if (resource === undefined) return;
  const bell = createBell(loop.clock);
  const going = new Set<string>();
  const table = (): readonly ApiObject[] => loop.cache.table(resource.prefix).all(resource.prefix).map(objectOf);
  const silences = storedResources(loop).map(({ prefix }) =>
    loop.cache.listen(prefix, {
      changed({ key, before, after }) {
        const isNamespace = prefix === resource.prefix;
        if (isNamespace ? (after ?? before)?.going === true : going.has(namespaceOf(prefix, key))) bell.ring();
      },
      lost: () => {
        bell.ring();
      },
    }),
  );
  try {
    await runPasses(
      loop.clock,
      bell,
      RESYNC_MS,
      async (stop) => {
        const terminating = table().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
        going.clear();
        for (const namespace of terminating) going.add(namespace.metadata.name);
        for (const namespace of terminating) {
          await emptyNamespace(loop, resource, namespace, stop).catch((error: unknown) => {
            if (!isOvertaken(error)) throw error;
            bell.ring();
          });
        }
        await deleteContent(loop, await strays(loop, resource, stop), stop);
      },
      signal,
    );
  } finally {
    for (const silence of silences) silence();
  }
}
