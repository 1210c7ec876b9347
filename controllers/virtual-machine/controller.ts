import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import { keyOf } from '../../client/client.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Trigger, Views } from '../runtime/controller.ts';
import { ask, checkIdentity, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import { diskFacts } from './disk-facts.ts';
import type { HostFact, VmFacts, VmStatus, VmStep } from './plan/facts.ts';
import { isVerified } from './plan/verified.ts';
import { planVirtualMachine } from './plan.ts';
import { takeStep } from './take.ts';
import { candidateOf, candidatesIn, placedIn, worldOf, zoneNameOf, zoneOffers } from './world.ts';
import type { World } from './world.ts';

export interface VirtualMachineControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
}

type Parts = Omit<VirtualMachineControllerOptions, 'views'> & { readonly world: World };

interface MachineFacts {
  readonly host?: HostFact;
  readonly machine?: Answer<Machine | undefined>;
  readonly capabilities: readonly string[];
}

const shardOf = ({ zones }: World, vm: VirtualMachine): string => {
  const name = zoneNameOf(vm);
  return name === undefined || zones.get({ name }) === undefined ? 'global' : name;
};

async function askHost({ world, sessions }: Parts, vm: VirtualMachine, round: Round, signal: AbortSignal): Promise<MachineFacts> {
  const host: Host | undefined = world.hosts.get({ name: vm.status.host ?? '' });
  const candidate = host === undefined ? undefined : candidateOf(world, host);
  if (host === undefined || candidate === undefined) return { capabilities: [] };
  const answer = await ask(async () => {
    const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
    const machine = await serviceOf(session.driver.machine, 'machines').get(looking(session, round), vm.metadata.uid, signal);
    // What is not on another machine than the one that it was placed on, may well run there.
    if (machine === undefined && isVerified(vm)) await checkIdentity(session, host.status.hostId, round, signal);
    return { machine, capabilities: session.capabilities };
  }, signal);
  const { hostId } = host.status;
  const fact = { candidate, ...(hostId !== undefined && { hostId }) };
  if (!answer.known) return { host: fact, machine: answer, capabilities: [] };
  return { host: fact, machine: { known: true, value: answer.value.machine }, capabilities: answer.value.capabilities };
}

/** The claims that a decision about a place has to respect. */
async function claimsOn(world: World, vm: VirtualMachine, zone: string, asked: MachineFacts, signal: AbortSignal) {
  if (vm.status.host === undefined) return placedIn(world, zone);
  const absent = asked.machine?.known === true && asked.machine.value === undefined;
  if (!absent || isVerified(vm)) return [];
  // At or above our own claim: whoever claimed earlier is in the view.
  await world.machines.reached(vm.metadata.resourceVersion, signal);
  return placedIn(world, zone, vm);
}

async function observe(parts: Parts, vm: VirtualMachine, round: Round, signal: AbortSignal): Promise<VmFacts> {
  const { world, client } = parts;
  const { metadata, spec, status } = vm;
  if (shardOf(world, vm) !== round.authority.shard) {
    throw new ApiError('Conflict', `VirtualMachine ${metadata.name} is decided about in another shard now`);
  }
  const zone = zoneNameOf(vm);
  const exists = zone !== undefined && world.zones.get({ name: zone }) !== undefined;
  const [asked, disks] = await Promise.all([askHost(parts, vm, round, signal), diskFacts(world, client, vm, signal)]);
  const chooses = exists && status.host === undefined && spec.running && metadata.deletionTimestamp === undefined;
  return {
    ...(zone !== undefined && { zone: exists ? 'exists' : 'absent' }),
    zones: zone === undefined ? zoneOffers(world, vm) : [],
    candidates: chooses ? candidatesIn(world, zone) : [],
    placed: exists ? await claimsOn(world, vm, zone, asked, signal) : [],
    ...asked,
    disks,
    ...(round.refused !== undefined && { refused: round.refused.message }),
  };
}

/** VMs that a change of another object may matter to. */
function triggersOf(world: World): readonly Trigger[] {
  const those = (fits: (vm: VirtualMachine) => boolean): readonly ObjectKey[] => world.machines.list().filter(fits).map(keyOf);
  const waits = ({ status }: VirtualMachine): boolean =>
    status.conditions.some(({ type, status: is }) => type === 'Ready' && is !== 'True');
  const waiting = (): readonly ObjectKey[] => those((vm) => vm.status.host === undefined && waits(vm));
  const listing = ({ metadata }: ApiObject): readonly ObjectKey[] =>
    those((vm) => vm.metadata.namespace === metadata.namespace && vm.spec.disks.some(({ volume }) => volume === metadata.name));
  return [
    { kind: VolumeKind, keysOf: listing },
    { kind: HostKind, keysOf: ({ metadata: { name } }) => [...those(({ status }) => status.host === name), ...waiting()] },
    { kind: StoragePoolKind, keysOf: () => those(waits) },
    { kind: PodKind, keysOf: () => those(waits) },
    { kind: ZoneKind, keysOf: () => those(waits) },
  ];
}

/** Places, makes, starts, keeps, stops and deletes virtual machines. */
export function virtualMachineController({
  views,
  client,
  sessions,
}: VirtualMachineControllerOptions): Controller<VirtualMachine, VmFacts, VmStep, VmStatus> {
  const world = worldOf(views);
  const parts: Parts = { world, client, sessions };
  return {
    kind: VirtualMachineKind,
    finalizer: 'compute.lenticular.dev/machine',
    triggers: triggersOf(world),
    shardOf: (vm) => shardOf(world, vm),
    endpointOf({ status }) {
      const host = world.hosts.get({ name: status.host ?? '' });
      return host && endpointOf(host);
    },
    observe: (vm, round, signal) => observe(parts, vm, round, signal),
    plan: planVirtualMachine,
    async take(step, vm, round, signal) {
      await takeStep(step, { world, sessions, vm, round, cause: step.do }, signal);
    },
  };
}
