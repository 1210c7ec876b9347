import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { fenceOver } from '../../apis/infra/v1alpha1/host/fence.ts';
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
import type { Machine, StopCause } from '../../drivers/contract/machine.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Trigger, Views } from '../runtime/controller.ts';
import { ask, checkIdentity, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import { diskFacts } from './disk-facts.ts';
import type { Adoptable, HostFact, VmFacts, VmStatus, VmStep } from './plan/facts.ts';
import { isToRestart } from './plan/restart.ts';
import { isVerified } from './plan/verified.ts';
import { planVirtualMachine } from './plan.ts';
import { takeStep } from './take.ts';
import { isItsTurn, mayLeave } from './turn.ts';
import { adoptHostsIn, candidateOf, candidatesIn, placedIn, worldOf, zoneNameOf, zoneOffers } from './world.ts';
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
  readonly adoptable?: Adoptable;
}

const shardOf = ({ zones }: World, vm: VirtualMachine): string => {
  const name = zoneNameOf(vm);
  return name === undefined || zones.get({ name }) === undefined ? 'global' : name;
};

/** The host of a VM; read anew where it seems to be proven dead, because on that the VM acts. */
async function hostOf({ world, client }: Parts, { status }: VirtualMachine, signal: AbortSignal): Promise<Host | undefined> {
  const key = { name: status.host ?? '' };
  const seen = world.hosts.get(key);
  return seen?.status.fence === undefined ? seen : client.get<Host>(HostKind, key, signal);
}

const keyText = ({ namespace = '', name }: VirtualMachine['metadata']): string => `${namespace}/${name}`;

/** Whether the machine that a VM takes in is there, and nobody's: what carries our tag is read anew, because on that it is taken away. */
async function adoptableOf(
  { client, world }: Parts,
  vm: VirtualMachine,
  machines: readonly Machine[],
  round: Round,
  signal: AbortSignal,
): Promise<Adoptable> {
  const found = machines.find(({ id }) => id === vm.spec.adopt);
  if (found === undefined) {
    const adopter = world.machines.list().find(({ status: { adopted, host } }) => adopted === vm.spec.adopt && host === vm.status.host);
    return adopter === undefined ? { state: 'absent' } : { state: 'managed', by: keyText(adopter.metadata) };
  }
  const { owner, released, disks } = found;
  const ours = owner?.installation === round.authority.installation ? owner : undefined;
  const key = { namespace: ours?.namespace ?? '', name: ours?.name ?? '' };
  const holder = ours === undefined || released ? undefined : await client.get<VirtualMachine>(VirtualMachineKind, key, signal);
  if (holder !== undefined && holder.metadata.uid === ours?.uid) return { state: 'managed', by: keyText(holder.metadata) };
  if (ours !== undefined && ours.namespace !== vm.metadata.namespace) return { state: 'elsewhere', namespace: ours.namespace };
  return { state: 'there', from: owner?.uid ?? '', disks: disks.map(({ uid }) => uid) };
}

async function askHost(parts: Parts, vm: VirtualMachine, round: Round, signal: AbortSignal): Promise<MachineFacts> {
  const { world, sessions } = parts;
  const host = await hostOf(parts, vm, signal);
  const candidate = host === undefined ? undefined : candidateOf(world, host);
  if (host === undefined || candidate === undefined) return { capabilities: [] };
  const { hostId, fence } = host.status;
  const cleaning = fence === undefined ? {} : { cleaning: true as const };
  const fact: HostFact = { candidate, ...(hostId !== undefined && { hostId }), ...cleaning };
  const proof = fenceOver(host, vm.metadata.uid);
  // The dead are not asked: each question would wait for its deadline.
  if (proof !== undefined) return { host: { ...fact, fence: proof.evidence }, capabilities: [] };
  const answer = await ask(async () => {
    const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
    const machine = await serviceOf(session.driver.machine, 'machines').get(looking(session, round), vm.metadata.uid, signal);
    // What is not on another machine than the one that it was placed on, may well run there.
    if (machine === undefined && isVerified(vm)) await checkIdentity(session, host.status.hostId, round, signal);
    const takesIn = machine === undefined && vm.spec.adopt !== undefined && vm.status.adopted === undefined;
    const machines = takesIn ? await serviceOf(session.driver.machine, 'machines').list(looking(session, round), signal) : [];
    const adoptable = takesIn ? await adoptableOf(parts, vm, machines, round, signal) : undefined;
    return { machine, capabilities: session.capabilities, adoptable };
  }, signal);
  if (!answer.known) return { host: fact, machine: answer, capabilities: [] };
  const { machine, capabilities, adoptable } = answer.value;
  return { host: fact, machine: { known: true, value: machine }, capabilities, ...(adoptable !== undefined && { adoptable }) };
}

/** Machines that stopped by themselves are started where they were. */
const STARTED_AGAIN: readonly StopCause[] = ['crashed', 'guest-shutdown', 'lease-expired'];

/** The claims that a decision about a place has to respect. */
async function claimsOn(world: World, vm: VirtualMachine, zone: string, asked: MachineFacts, evacuates: boolean, signal: AbortSignal) {
  if (vm.status.host === undefined || evacuates) return placedIn(world, zone);
  const machine = asked.machine?.known === true ? asked.machine : undefined;
  if (isVerified(vm)) {
    // Whether the place still fits is asked when somebody wants a start, and, for what must be kept apart, all the time.
    const starts = vm.spec.running && machine?.value?.stopCause !== undefined && !STARTED_AGAIN.includes(machine.value.stopCause);
    const apart = vm.spec.placement.antiAffinity.some(({ mode }) => mode === 'Required');
    return starts || apart || isToRestart(vm) ? placedIn(world, zone) : [];
  }
  if (machine === undefined || machine.value !== undefined) return [];
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
  const evacuates = asked.host?.candidate.maintenance === true && mayLeave(vm) && isItsTurn(world, vm);
  const chooses = exists && (status.host === undefined || evacuates) && spec.running && metadata.deletionTimestamp === undefined;
  return {
    ...(zone !== undefined && { zone: exists ? 'exists' : 'absent' }),
    zones: zone === undefined ? zoneOffers(world, vm) : [],
    candidates: chooses || (exists && isToRestart(vm)) ? candidatesIn(world, zone) : [],
    ...(exists && status.host === undefined && spec.adopt !== undefined && { adoptHosts: adoptHostsIn(world, zone, spec.adopt) }),
    placed: exists ? await claimsOn(world, vm, zone, asked, evacuates, signal) : [],
    ...asked,
    disks,
    ...(evacuates && { evacuates }),
    ...(round.refused !== undefined && { refused: round.refused }),
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
    endpointOf: ({ status }) => world.hosts.get({ name: status.host ?? '' })?.metadata.uid,
    observe: (vm, round, signal) => observe(parts, vm, round, signal),
    plan: planVirtualMachine,
    async take(step, vm, round, signal) {
      await takeStep(step, { world, sessions, vm, round, cause: step.do }, signal);
    },
  };
}
