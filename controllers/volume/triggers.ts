import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { conditionIn } from '../../apis/meta/condition.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import { cacheKey } from '../../client/reflector.ts';
import { indexView } from '../../client/view-index.ts';
import type { ViewChange } from '../../client/view.ts';
import type { Trigger } from '../runtime/controller.ts';
import { changedIn, declaredAnew, states, SUMMARY_MS } from '../runtime/trigger.ts';
import { promisedTo } from './world.ts';
import type { World } from './world.ts';

/** No pool has this name. */
const ANY_POOL = '*';

/** The pool that a volume is in or names; `ANY_POOL` where its selector may find any. */
const poolFor = ({ spec, status }: Volume): string => status.pool ?? spec.storagePool ?? ANY_POOL;

/** What of a pool its volumes act on; how much is promised of it is summed up from the volumes themselves. */
function capacityAndStates(object: ApiObject): unknown {
  const pool = object as unknown as StoragePool;
  return [pool.status.capacity, states(pool), conditionIn(pool, 'Ready')?.reason];
}

/** What of a host may end a claim: who answers, what proves it dead, and what is there of VMs that are gone. */
function whatHolds(object: ApiObject): unknown {
  const host = object as unknown as Host;
  const { hostId, fence, unmanaged } = host.status;
  return [hostId, fence, unmanaged, states(host)];
}

/** What of a VM may begin or end a claim, and that its work has come to an end: then its machine holds other disks, or stands still. */
function placeAndReady(object: ApiObject): unknown {
  const vm = object as unknown as VirtualMachine;
  const { host, placementEpoch, powerState } = vm.status;
  const scheduled = conditionIn(vm, 'Scheduled')?.status;
  const { status, reason, lastTransitionTime, observedGeneration } = conditionIn(vm, 'Ready') ?? {};
  // Its machine is there, and nothing is done about it, though it is not ready.
  const halts = powerState !== undefined && status !== 'True' && conditionIn(vm, 'Reconciling')?.status !== 'True';
  // With when it became so, and for what: a view that is listed anew has not seen that there was work in between.
  return [host, placementEpoch, scheduled, halts, status, status === 'True' ? reason : undefined, lastTransitionTime, observedGeneration];
}

/** Whether less of its pool is promised to a volume than before: what waits for room may have it. */
function isFreed({ old, object }: ViewChange<ApiObject>): boolean {
  const [before, after] = [old, object] as readonly unknown[] as readonly [Volume | undefined, Volume | undefined];
  if (before?.status.pool === undefined) return false;
  return after?.status.pool !== before.status.pool || promisedTo(after) < promisedTo(before);
}

/** Volumes that a change of a pool may matter to. */
function poolTriggers({ pools, volumes }: World): readonly Trigger[] {
  const inPool = indexView(volumes, (volume) => [poolFor(volume)]);
  const adopting = indexView(volumes, (volume) => [
    volume.spec.adopt === undefined || volume.status.volumeId !== undefined ? undefined : poolFor(volume),
  ]);
  const poolsOnHost = indexView(pools, ({ spec }) => [spec.scope.host]);
  return [
    {
      kind: StoragePoolKind,
      matters: changedIn(capacityAndStates),
      keysOf: ({ metadata: { name } }) => [...inPool.of(name), ...inPool.of(ANY_POOL)].map(keyOf),
    },
    // A disk that is to be taken in may come, or become nobody's.
    {
      kind: StoragePoolKind,
      matters: changedIn((object) => (object as unknown as StoragePool).status.unmanaged),
      keysOf: ({ metadata: { name } }) => adopting.of(name).map(keyOf),
    },
    // What a host allows counts for its own pools.
    {
      kind: HostKind,
      matters: declaredAnew,
      keysOf: ({ metadata: { name } }) =>
        poolsOnHost
          .of(name)
          .flatMap((pool) => inPool.of(pool.metadata.name))
          .filter((volume) => conditionIn(volume, 'Ready')?.status !== 'True')
          .map(keyOf),
    },
  ];
}

/** Volumes that a change of a volume may matter to: its source, what is filled from it, and what waits for its room. */
function volumeTriggers({ volumes, volumesBySource }: World): readonly Trigger[] {
  const lacking = indexView(volumes, (volume) => [
    ['PoolFull', 'NoPoolMatches'].includes(conditionIn(volume, 'Ready')?.reason ?? '') ? poolFor(volume) : undefined,
  ]);
  return [
    {
      kind: VolumeKind,
      keysOf(object) {
        const { metadata, spec } = object as unknown as Volume;
        const from = spec.source?.volume;
        const source = from === undefined ? [] : [{ namespace: metadata.namespace ?? '', name: from }];
        const fed = volumesBySource.of(cacheKey(metadata)).filter(({ status }) => status.volumeId === undefined);
        return [...source, ...fed.map(keyOf)];
      },
    },
    {
      kind: VolumeKind,
      afterMs: SUMMARY_MS,
      matters: isFreed,
      keysOf(object) {
        const { pool = ANY_POOL } = (object as unknown as Volume).status;
        return [...lacking.of(pool), ...(pool === ANY_POOL ? [] : lacking.of(ANY_POOL))].map(keyOf);
      },
    },
  ];
}

/** Volumes that a change of another object may matter to, found without a look at all. */
export function triggersOf(world: World): readonly Trigger[] {
  const { volumes } = world;
  const heldOn = indexView(volumes, ({ status }) => [status.claim?.host]);
  const heldBy = indexView(volumes, ({ status }) => [status.claim?.uid]);
  const unready = indexView(volumes, (volume) => [conditionIn(volume, 'Ready')?.status === 'True' ? undefined : 'unready']);
  const waiting = (): readonly ObjectKey[] => unready.of('unready').map(keyOf);
  return [
    ...poolTriggers(world),
    ...volumeTriggers(world),
    { kind: HostKind, matters: changedIn(whatHolds), keysOf: ({ metadata: { name } }) => heldOn.of(name).map(keyOf) },
    {
      kind: VirtualMachineKind,
      matters: changedIn(placeAndReady),
      keysOf(object) {
        const { metadata, spec } = object as unknown as VirtualMachine;
        const listed = spec.disks.map(({ volume }) => ({ namespace: metadata.namespace ?? '', name: volume }));
        return [...listed.filter((key) => volumes.get(key) !== undefined), ...heldBy.of(metadata.uid).map(keyOf)];
      },
    },
    { kind: ZoneKind, matters: declaredAnew, keysOf: waiting },
    { kind: PodKind, matters: declaredAnew, keysOf: waiting },
  ];
}
