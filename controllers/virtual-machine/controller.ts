import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Client } from '../../client/client.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { ask, checkIdentity, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import { diskFacts } from './disk-facts.ts';
import type { DiskFact, HostFact, VmFacts, VmPlan, VmStatus, VmStep } from './plan/facts.ts';
import { isVerified } from './plan/verified.ts';
import { createLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { requestOf } from './plan/describe.ts';
import { planVirtualMachine } from './plan.ts';
import type { Room } from './schedule-facts.ts';
import { takeStep } from './take.ts';
import { triggersOf } from './triggers.ts';
import { candidateOf, worldOf, zoneNameOf, zoneOffers } from './world.ts';
import type { World } from './world.ts';

export interface VirtualMachineControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
}

type Parts = Omit<VirtualMachineControllerOptions, 'views'> & { readonly world: World; readonly ledger: Ledger };

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

/** Where a VM without a host might go, or the host that it claims with the claims that come before its own. */
async function roomFor(
  { world, ledger }: Parts,
  vm: VirtualMachine,
  { zone, asked, disks }: { readonly zone: string; readonly asked: MachineFacts; readonly disks: readonly DiskFact[] },
  signal: AbortSignal,
): Promise<Room | undefined> {
  const { metadata, spec, status } = vm;
  if (status.host === undefined) return spec.running && metadata.deletionTimestamp === undefined ? ledger.roomIn(zone) : undefined;
  const absent = asked.machine?.known === true && asked.machine.value === undefined;
  if (!absent || isVerified(vm)) return undefined;
  // At or above our own claim: whoever claimed earlier is in the view.
  await world.machines.reached(metadata.resourceVersion, signal);
  return ledger.roomBefore(vm, requestOf(vm, disks));
}

async function observe(parts: Parts, vm: VirtualMachine, round: Round, signal: AbortSignal): Promise<VmFacts> {
  const { world, client, ledger } = parts;
  const { metadata } = vm;
  ledger.read(vm);
  if (shardOf(world, vm) !== round.authority.shard) {
    throw new ApiError('Conflict', `VirtualMachine ${metadata.name} is decided about in another shard now`);
  }
  const zone = zoneNameOf(vm);
  const exists = zone !== undefined && world.zones.get({ name: zone }) !== undefined;
  const [asked, disks] = await Promise.all([askHost(parts, vm, round, signal), diskFacts(world, client, vm, signal)]);
  const room = exists ? await roomFor(parts, vm, { zone, asked, disks }, signal) : undefined;
  return {
    ...(zone !== undefined && { zone: exists ? 'exists' : 'absent' }),
    zones: zone === undefined ? zoneOffers(world, vm) : [],
    ...(room !== undefined && { room }),
    ...asked,
    disks,
    ...(round.refused !== undefined && { refused: round.refused.message }),
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
}: VirtualMachineControllerOptions): Controller<VirtualMachine, VmFacts, VmStep, VmStatus> {
  const world = worldOf(views);
  const ledger = createLedger(world);
  const parts: Parts = { world, client, sessions, ledger };
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
    },
  };
}
