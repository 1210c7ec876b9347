import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { cacheKey } from '../../client/reflector.ts';
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import { indexView } from '../../client/view-index.ts';
import type { Trigger } from '../runtime/controller.ts';
import { changedIn, declaredAnew, states } from '../runtime/trigger.ts';
import type { World } from './world.ts';

const isOpen = ({ status }: Zone): boolean => (status.counts?.hostsReady ?? 0) > 0;

/**
 * VMs that a change of another object may matter to, found without a look at all. Who waits for room is the ledger's to wake; how much is
 * given out of a host, a pool or a zone wakes nobody here.
 */
export function triggersOf({ machines, machinesOn, volumes }: World): readonly Trigger[] {
  const isReady = ({ status }: VirtualMachine): boolean =>
    status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  const unready = indexView(machines, (vm) => [isReady(vm) ? undefined : 'unready']);
  const adopting = indexView(machines, ({ spec, status }) => [status.host === undefined ? spec.adopt : undefined]);
  const listing = indexView(machines, ({ metadata: { namespace = '' }, spec }) =>
    spec.disks.map(({ volume }) => cacheKey({ namespace, name: volume })),
  );
  const inPool = indexView(volumes, ({ spec, status }) => [status.pool ?? spec.storagePool]);
  const waiting = (): readonly ObjectKey[] => unready.of('unready').map(keyOf);
  return [
    {
      kind: VolumeKind,
      // Whom it is attached to says the VM's own machine.
      matters: changedIn((object) => {
        const { status } = object as unknown as Volume;
        return { ...status, conditions: status.conditions.filter(({ type }) => type !== 'Attached') };
      }),
      keysOf(object) {
        const { metadata, status } = object as unknown as Volume;
        const { claim } = status;
        // Whom it was granted to may not list it any more: then its host is to hear of that.
        const holder = claim === undefined ? [] : [{ namespace: metadata.namespace ?? '', name: claim.virtualMachine }];
        return [...listing.of(cacheKey(metadata)).map(keyOf), ...holder];
      },
    },
    {
      kind: HostKind,
      matters: changedIn((object) => {
        const host = object as unknown as Host;
        const { hostId, bootId, capacity, capabilities, fence, leaseSeconds, unmanaged } = host.status;
        // Where a host is drained, those on it take turns: whoever leaves, or cannot, makes it another's.
        const drained = host.spec.maintenance ? host.status : undefined;
        return [hostId, bootId, capacity, capabilities, fence, leaseSeconds, unmanaged, states(host), drained];
      }),
      keysOf(object) {
        const { metadata, status } = object as unknown as Host;
        const adopters = (status.unmanaged ?? []).flatMap(({ id }) => adopting.of(id));
        return [...machinesOn.of(metadata.name), ...adopters].map(keyOf);
      },
    },
    {
      kind: StoragePoolKind,
      matters: changedIn((object) => {
        const pool = object as unknown as StoragePool;
        return [pool.status.protocols, states(pool)];
      }),
      keysOf: ({ metadata: { name } }) =>
        inPool.of(name).flatMap(({ metadata }) =>
          listing
            .of(cacheKey(metadata))
            .filter((vm) => !isReady(vm))
            .map(keyOf),
        ),
    },
    { kind: PodKind, matters: declaredAnew, keysOf: waiting },
    { kind: ZoneKind, matters: changedIn((object) => isOpen(object as unknown as Zone)), keysOf: waiting },
  ];
}
