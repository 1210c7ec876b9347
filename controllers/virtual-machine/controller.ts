import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { fenceOver } from '../../apis/infra/v1alpha1/host/fence.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Client } from '../../client/client.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { ask, checkIdentity, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import { createCrashLog } from './crash-log.ts';
import type { CrashLog } from './crash-log.ts';
import { diskFacts, letsGo } from './disk-facts.ts';
import type { Adoptable, DiskFact, HostFact, Relapses, VmFacts, VmPlan, VmStatus, VmStep } from './plan/facts.ts';
import { isToRestart } from './plan/restart.ts';
import { isVerified } from './plan/verified.ts';
import { createLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { requestOf } from './plan/describe.ts';
import { planVirtualMachine } from './plan.ts';
import { createStartTurns } from './start-turns.ts';
import type { StartTurns } from './start-turns.ts';
import { takeStep } from './take.ts';
import { triggersOf } from './triggers.ts';
import { isItsTurn, mayLeave } from './turn.ts';
import { adoptHostsIn, candidateOf, worldOf, zoneNameOf, zoneOffers } from './world.ts';
import type { World } from './world.ts';

export interface VirtualMachineControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
  readonly clock: Clock;
}

type Parts = Omit<VirtualMachineControllerOptions, 'views' | 'clock'> & {
  readonly world: World;
  readonly ledger: Ledger;
  readonly crashes: CrashLog;
  readonly turns: StartTurns;
};

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

/** Whether the host of a VM is to be drained, by the API and not by a view, which may be old: a guest that runs is stopped for that. */
async function isDrained({ client }: Parts, { status }: VirtualMachine, signal: AbortSignal): Promise<boolean> {
  const host = await client.get<Host>(HostKind, { name: status.host ?? '' }, signal);
  return host?.spec.maintenance === true;
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

/** Where a VM might go, and who is beside it where it is. */
async function roomFor(
  { world, ledger }: Parts,
  vm: VirtualMachine,
  {
    zone,
    asked,
    disks,
    evacuates,
  }: { readonly zone: string; readonly asked: MachineFacts; readonly disks: readonly DiskFact[]; readonly evacuates: boolean },
  signal: AbortSignal,
): Promise<Pick<VmFacts, 'room' | 'beside'>> {
  const { metadata, spec, status } = vm;
  if (status.host === undefined) return spec.running && metadata.deletionTimestamp === undefined ? { room: ledger.roomIn(zone) } : {};
  const request = requestOf(vm, disks);
  if (isVerified(vm)) {
    const beside = ledger.roomBeside(vm, request);
    return { ...(beside !== undefined && { beside }), ...((evacuates || isToRestart(vm)) && { room: ledger.roomIn(zone) }) };
  }
  const absent = asked.machine?.known === true && asked.machine.value === undefined;
  if (!absent) return {};
  // At or above our own claim: whoever claimed earlier is in the view.
  await world.machines.reached(metadata.resourceVersion, signal);
  const room = ledger.roomBefore(vm, request);
  return room === undefined ? {} : { room };
}

/** How long until a machine that stopped by no will of ours may be started again; undefined: it is not to be started, or somebody asked for it. */
function startIn(
  { turns }: Parts,
  vm: VirtualMachine,
  {
    asked,
    disks,
    relapses,
  }: { readonly asked: MachineFacts; readonly disks: readonly DiskFact[]; readonly relapses: Relapses | undefined },
): number | undefined {
  const { metadata, spec, status } = vm;
  const { host, machine } = asked;
  const cause = machine?.known === true ? machine.value?.stopCause : undefined;
  const waits = (relapses?.waitMs ?? 0) > 0 || disks.some(({ blocked }) => blocked !== undefined);
  const may = host !== undefined && host.cleaning !== true && host.candidate.allocation !== 'Disabled' && !waits;
  const wanted = spec.running && metadata.deletionTimestamp === undefined && status.restartToken === spec.restartToken;
  if (!may || !wanted || (cause !== 'crashed' && cause !== 'lease-expired')) {
    turns.leave(metadata.uid);
    return undefined;
  }
  const pools = disks.flatMap(({ pool }) => pool?.name ?? []);
  return turns.ask(vm, { host: host.candidate.name, pools });
}

async function observe(parts: Parts, vm: VirtualMachine, round: Round, signal: AbortSignal): Promise<VmFacts> {
  const { world, client, ledger, crashes } = parts;
  const { metadata, spec, status } = vm;
  ledger.read(vm);
  if (shardOf(world, vm) !== round.authority.shard) {
    throw new ApiError('Conflict', `VirtualMachine ${metadata.name} is decided about in another shard now`);
  }
  const zone = zoneNameOf(vm);
  const exists = zone !== undefined && world.zones.get({ name: zone }) !== undefined;
  const [asked, disks] = await Promise.all([askHost(parts, vm, round, signal), diskFacts(world, client, vm, signal)]);
  const evacuates =
    asked.host?.candidate.maintenance === true && mayLeave(vm) && isItsTurn(world, vm) && (await isDrained(parts, vm, signal));
  // What nobody can tell changes nothing of what is remembered.
  const relapses = asked.machine?.known === true ? crashes.see(vm, asked.machine.value) : undefined;
  const startInMs = startIn(parts, vm, { asked, disks, relapses });
  const rooms = exists ? await roomFor(parts, vm, { zone, asked, disks, evacuates }, signal) : {};
  return {
    ...(zone !== undefined && { zone: exists ? 'exists' : 'absent' }),
    zones: zone === undefined ? zoneOffers(world, vm) : [],
    ...rooms,
    ...(exists && status.host === undefined && spec.adopt !== undefined && { adoptHosts: adoptHostsIn(world, zone, spec.adopt) }),
    ...asked,
    disks,
    ...(letsGo(world, vm) && { letsGo: true }),
    ...(evacuates && { evacuates }),
    ...(round.refused !== undefined && { refused: round.refused }),
    ...(relapses !== undefined && { relapses }),
    ...(startInMs !== undefined && { startInMs }),
  };
}

/** Plans, and tells the ledger what is about to be published. */
function decide(ledger: Ledger, vm: VirtualMachine, facts: VmFacts): VmPlan {
  const plan = planVirtualMachine(vm, facts);
  const { host, placementEpoch: epoch = 0 } = plan.status;
  const looked = vm.status.host === undefined && facts.room !== undefined && facts.disks.every(({ pool }) => pool !== undefined);
  ledger.decided(vm, { epoch, ...(host !== undefined && { host }), ...(looked && { request: requestOf(vm, facts.disks) }) });
  return plan;
}

/** Places, makes, starts, keeps, stops and deletes virtual machines. */
export function virtualMachineController({
  views,
  client,
  sessions,
  clock,
}: VirtualMachineControllerOptions): Controller<VirtualMachine, VmFacts, VmStep, VmStatus> {
  const world = worldOf(views);
  const ledger = createLedger(world);
  const crashes = createCrashLog(clock);
  const parts: Parts = { world, client, sessions, ledger, crashes, turns: createStartTurns(clock) };
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
    plan: (vm, facts) => decide(ledger, vm, facts),
    follow: (wake) => ledger.follow(wake),
    async take(step, vm, round, signal) {
      await takeStep(step, { world, sessions, vm, round, cause: step.do }, signal);
      if (step.do === 'start-machine') crashes.started(vm.metadata.uid);
    },
  };
}
