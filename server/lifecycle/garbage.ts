import { ApiError } from '../../apis/meta/api-error.ts';
import { apiVersionOf } from '../../apis/meta/kind.ts';
import type { ApiObject, OwnerReference } from '../../apis/meta/object.ts';
import { objectOf, type Entry } from '../registry/entry.ts';
import type { Change } from '../registry/change-log.ts';
import type { Resource } from '../registry/resource.ts';
import { visitRows } from '../registry/rows.ts';
import { nextTurn } from '../registry/turn.ts';
import { placeOf, storedResources, type Loop } from './loop.ts';
import { createBell, runPasses } from './pass.ts';
import { isOvertaken } from './speaker.ts';

const RESYNC_MS = 60_000;
const JUDGED_AT_ONCE = 256;
const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

interface Node {
  readonly resource: Resource;
  readonly entry: Entry;
}

/** All objects that own, are owned or are going, and who depends on whom, as of one moment. */
interface Graph {
  readonly byUid: ReadonlyMap<string, Node>;
  readonly dependents: ReadonlyMap<string, readonly Node[]>;
  /** `apiVersion/kind` of all kinds that are served: an owner of another kind cannot be known to be gone. */
  readonly kinds: ReadonlySet<string>;
}

/** What is to be done about one object. */
type Verdict =
  | { readonly do: 'delete'; readonly node: Node; readonly propagation: 'Background' | 'Foreground' }
  | { readonly do: 'disown'; readonly node: Node; readonly uids: readonly string[] }
  | { readonly do: 'release'; readonly node: Node; readonly finalizer: string };

function ownersOf({ entry }: Node): readonly OwnerReference[] {
  return entry.owners ?? [];
}

function metadataOf({ entry }: Node): ApiObject['metadata'] {
  return objectOf(entry).metadata;
}

async function graphOf(loop: Loop, signal: AbortSignal): Promise<Graph> {
  // All at the same moment; they stay as they are while they are gone through.
  const tables = storedResources(loop).map((resource) => ({ resource, rows: loop.cache.table(resource.prefix).rows(resource.prefix) }));
  const dependents = new Map<string, Node[]>();
  for (const { resource, rows } of tables) {
    const visit = (entry: Entry): void => {
      for (const { uid } of entry.owners ?? []) {
        const known = dependents.get(uid);
        if (known === undefined) dependents.set(uid, [{ resource, entry }]);
        else known.push({ resource, entry });
      }
    };
    await visitRows(rows, visit, signal);
  }
  const byUid = new Map<string, Node>();
  for (const { resource, rows } of tables) {
    const visit = (entry: Entry): void => {
      const counts = entry.going || (entry.owners ?? []).length > 0 || dependents.has(entry.uid);
      if (counts) byUid.set(entry.uid, { resource, entry });
    };
    await visitRows(rows, visit, signal);
  }
  return {
    byUid,
    dependents,
    kinds: new Set(loop.resources.map(({ kind }) => `${apiVersionOf(kind)}/${kind.kind}`)),
  };
}

/** Whether an owner is known not to be there: no object of that uid where the dependent may have an owner. */
function isGone({ byUid, kinds }: Graph, node: Node, { apiVersion, kind, uid }: OwnerReference): boolean {
  if (!kinds.has(`${apiVersion}/${kind}`)) return false;
  const owner = byUid.get(uid);
  if (owner === undefined) return true;
  const { namespace } = metadataOf(owner);
  return namespace !== undefined && namespace !== metadataOf(node).namespace;
}

function isGoing(graph: Graph, { uid }: OwnerReference, finalizer: string): boolean {
  const node = graph.byUid.get(uid);
  return node?.entry.going === true && (metadataOf(node).finalizers ?? []).includes(finalizer);
}

function judgeDependent(graph: Graph, node: Node): readonly Verdict[] {
  if (node.entry.going) return [];
  const owners = ownersOf(node);
  const gone = owners.filter((owner) => isGone(graph, node, owner));
  const leaving = owners.filter((owner) => isGoing(graph, owner, FOREGROUND));
  const orphaning = owners.filter((owner) => isGoing(graph, owner, ORPHAN));
  if (owners.length > 0 && gone.length + leaving.length === owners.length) {
    return [{ do: 'delete', node, propagation: leaving.length > 0 ? 'Foreground' : 'Background' }];
  }
  // A solid owner is left: those that go, or wait to go, let the dependent stay with it.
  const uids = [...gone, ...orphaning, ...leaving].map(({ uid }) => uid);
  return uids.length === 0 ? [] : [{ do: 'disown', node, uids }];
}

function judgeOwner({ dependents }: Graph, node: Node): readonly Verdict[] {
  if (!node.entry.going) return [];
  const metadata = metadataOf(node);
  const of = dependents.get(metadata.uid) ?? [];
  const blocks = of.some((dependent) =>
    ownersOf(dependent).some(({ uid, blockOwnerDeletion }) => uid === metadata.uid && blockOwnerDeletion === true),
  );
  const free = [...(blocks ? [] : [FOREGROUND]), ...(of.length > 0 ? [] : [ORPHAN])];
  return free
    .filter((finalizer) => (metadata.finalizers ?? []).includes(finalizer))
    .slice(0, 1)
    .map((finalizer) => ({ do: 'release', node, finalizer }));
}

/** Objects are parsed for this, so that it takes its time where many own or are owned. */
async function judgeAll(graph: Graph, signal: AbortSignal): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  let judged = 0;
  for (const node of graph.byUid.values()) {
    verdicts.push(...judgeDependent(graph, node), ...judgeOwner(graph, node));
    judged += 1;
    if (judged % JUDGED_AT_ONCE === 0) await nextTurn(signal);
  }
  return verdicts;
}

async function act({ speaker }: Loop, verdict: Verdict, signal: AbortSignal): Promise<void> {
  const { resource, entry } = verdict.node;
  const object = objectOf(entry);
  const { uid, resourceVersion, finalizers = [], ownerReferences = [] } = object.metadata;
  const place = placeOf(resource, object);
  switch (verdict.do) {
    case 'delete':
      return speaker.remove(place, { propagationPolicy: verdict.propagation, preconditions: { uid, resourceVersion } }, signal);
    case 'disown': {
      const kept = ownerReferences.filter((owner) => !verdict.uids.includes(owner.uid));
      await speaker.mergePatch(place, { metadata: { uid, resourceVersion, ownerReferences: kept } }, signal);
      return;
    }
    case 'release': {
      const kept = finalizers.filter((finalizer) => finalizer !== verdict.finalizer);
      await speaker.mergePatch(place, { metadata: { uid, resourceVersion, finalizers: kept } }, signal);
    }
  }
}

/** Whether a change can give the collector work. */
function matters({ before, after }: Change): boolean {
  if (after === undefined || after.going) return true;
  return before === undefined && (after.owners ?? []).length > 0;
}

/** Deletes objects whose owners are all gone, foreground and orphan deletion included. What may not be deleted stays, and is tried again. */
export async function collectGarbage(loop: Loop, signal: AbortSignal): Promise<void> {
  const bell = createBell(loop.clock);
  const listener = {
    changed(change: Change) {
      if (matters(change)) bell.ring();
    },
    lost() {
      bell.ring();
    },
  };
  const silences = storedResources(loop).map(({ prefix }) => loop.cache.listen(prefix, listener));
  try {
    await runPasses(
      loop.clock,
      bell,
      RESYNC_MS,
      async (stop) => {
        const verdicts = await judgeAll(await graphOf(loop, stop), stop);
        for (const verdict of verdicts) {
          await act(loop, verdict, stop).catch((error: unknown) => {
            if (!(error instanceof ApiError)) throw error;
            if (isOvertaken(error)) bell.ring();
            else loop.onTrouble(error);
          });
        }
      },
      signal,
    );
  } finally {
    for (const silence of silences) silence();
  }
}
