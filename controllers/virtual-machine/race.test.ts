import fc from 'fast-check';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { hostObject, machineObject, manualWorld, podObject, zoneObject, type ManualWorld } from '../../test/cloud-objects.ts';
import { stampConditions } from '../runtime/plan.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { requestOf } from './plan/describe.ts';
import type { VmPlan } from './plan/facts.ts';
import { isVerified } from './plan/verified.ts';
import { planVirtualMachine } from './plan.ts';
import { schedule } from './schedule.ts';
import { neighboursAmong } from './schedule-room.ts';
import { candidateOf } from './world.ts';

const ZONE = 'z-0';
const HOSTS = ['h-0', 'h-1'];
const NOW = '2026-01-01T00:00:00Z';

interface Change {
  readonly name: string;
  readonly version: bigint;
  readonly vm?: VirtualMachine;
}

/** What is stored, and how it came to be. */
interface Store {
  readonly machines: Map<string, VirtualMachine>;
  readonly log: Change[];
  version: number;
}

interface Pending {
  readonly read: VirtualMachine;
  readonly plan: VmPlan;
}

/** A process that believes to lead: its views lag behind, and what it publishes is under way. */
interface Planner {
  readonly world: ManualWorld;
  readonly ledger: Ledger;
  readonly pending: Map<string, Pending>;
  heard: number;
}

function infrastructure(world: ManualWorld): void {
  world.zones.put(zoneObject(ZONE));
  world.pods.put(podObject('p-0', { zone: ZONE }));
  for (const name of HOSTS) {
    world.hosts.put(hostObject(name, { pod: 'p-0' }));
  }
}

function startPlanner({ machines, log }: Store): Planner {
  const world = manualWorld();
  infrastructure(world);
  for (const vm of machines.values()) world.machines.put(vm);
  return { world, ledger: createLedger(world), pending: new Map(), heard: log.length };
}

function deliver(planner: Planner, { log }: Store, until: (change: Change) => boolean): void {
  for (let next = log[planner.heard]; next !== undefined && until(next); next = log[planner.heard]) {
    planner.heard += 1;
    const seen = planner.world.machines.get({ namespace: 'default', name: next.name });
    if (next.vm === undefined || (seen !== undefined && seen.metadata.uid !== next.vm.metadata.uid)) {
      planner.world.machines.drop({ namespace: 'default', name: next.name });
    }
    if (next.vm !== undefined) planner.world.machines.put(next.vm);
  }
}

/** The first half of a round: read, observe, plan. */
function begin(planner: Planner, store: Store, name: string): void {
  const vm = store.machines.get(name);
  const shown = planner.world.machines.get({ namespace: 'default', name });
  if (vm === undefined || shown === undefined || planner.pending.has(name)) return;
  const { ledger, world } = planner;
  ledger.read(vm);
  const host = world.hosts.get({ name: vm.status.host ?? '' });
  const candidate = host === undefined ? undefined : candidateOf(world, host);
  const verifies = vm.status.host !== undefined && !isVerified(vm);
  const mine = BigInt(vm.metadata.resourceVersion);
  if (verifies) deliver(planner, store, ({ version }) => version <= mine);
  const room = vm.status.host === undefined ? ledger.roomIn(ZONE) : verifies ? ledger.roomBefore(vm, requestOf(vm, [])) : undefined;
  const plan = planVirtualMachine(vm, {
    ...{ zone: 'exists', zones: [], capabilities: [], disks: [], machine: { known: true, value: undefined } },
    ...(candidate !== undefined && { host: { candidate } }),
    ...(room !== undefined && { room }),
  });
  const { host: goes, placementEpoch: epoch = 0 } = plan.status;
  ledger.decided(vm, { epoch, request: requestOf(vm, []), ...(goes !== undefined && { host: goes }) });
  planner.pending.set(name, { read: vm, plan });
}

function write(store: Store, name: string, vm: VirtualMachine | undefined): void {
  store.version += 1;
  if (vm === undefined) {
    if (store.machines.delete(name)) store.log.push({ name, version: BigInt(store.version) });
    return;
  }
  const stored = { ...vm, metadata: { ...vm.metadata, resourceVersion: String(store.version) } };
  store.machines.set(name, stored);
  store.log.push({ name, version: BigInt(store.version), vm: stored });
}

/** The second half: the API takes the status of who read the newest version. */
function publish({ pending }: Planner, store: Store, name: string): void {
  const waiting = pending.get(name);
  pending.delete(name);
  const stored = store.machines.get(name);
  if (waiting === undefined || stored === undefined || stored !== waiting.read) return;
  const conditions = stampConditions(waiting.plan.status.conditions, stored.status.conditions, NOW);
  if (JSON.stringify(waiting.plan.status) === JSON.stringify(stored.status)) return;
  write(store, name, { ...stored, status: { ...waiting.plan.status, conditions: [...conditions] } });
}

/** What drivers may be asked to make: it fits, and shares with nobody whom it must not share with. */
function expectSafe({ machines }: Store, world: ManualWorld): void {
  const verified = [...machines.values()].filter((vm) => vm.status.host !== undefined && isVerified(vm));
  const candidates = world.hosts.list().flatMap((host) => candidateOf(world, host) ?? []);
  const placed = verified.map(({ metadata, spec, status }) => {
    const host = candidates.find(({ name }) => name === status.host);
    return {
      ...{
        uid: metadata.uid,
        namespace: 'default',
        labels: metadata.labels ?? {},
        host: host?.name ?? '',
        pod: host?.pod ?? '',
        zone: ZONE,
      },
      ...{ cpus: spec.cpus, memoryBytes: bytesOf(spec.memory), keepsOff: spec.placement.antiAffinity },
    };
  });
  for (const { name, allocatable } of candidates) {
    const here = placed.filter(({ host }) => host === name);
    expect(here.reduce((sum, { cpus }) => sum + cpus, 0)).toBeLessThanOrEqual(allocatable.cpus);
    expect(here.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).toBeLessThanOrEqual(allocatable.memoryBytes);
  }
  for (const vm of verified) {
    const host = candidates.find(({ name }) => name === vm.status.host);
    const neighbours = neighboursAmong(requestOf(vm, []), placed);
    for (const rule of vm.spec.placement.antiAffinity) expect(host === undefined ? 0 : neighbours.sharing(rule, host)).toBe(0);
  }
}

const apart = (topology: string, app: string) => [{ topology, labelSelector: { matchLabels: { app } } }];
const KINDS = [
  { spec: { cpus: 9 }, app: 'big' },
  { spec: { cpus: 5, memory: '30Gi' }, app: 'middle' },
  { spec: { cpus: 2, placement: { zone: ZONE, antiAffinity: apart('Host', 'web') } }, app: 'web' },
  { spec: { cpus: 2, placement: { zone: ZONE, antiAffinity: apart('Pod', 'web') } }, app: 'db' },
  { spec: { cpus: 7, placement: { zone: ZONE, strategy: 'Pack' } }, app: 'web' },
];

function create(store: Store, name: string, kind: number): void {
  if (store.machines.has(name)) return;
  const { spec, app } = KINDS[kind % KINDS.length] ?? { spec: {}, app: '' };
  write(store, name, machineObject(name, { placement: { zone: ZONE }, ...spec }, {}, { uid: `${name}-${store.version}`, labels: { app } }));
}

const ACTION = fc.record({
  does: fc.oneof(
    { weight: 10, arbitrary: fc.constant('begin' as const) },
    { weight: 10, arbitrary: fc.constant('publish' as const) },
    { weight: 5, arbitrary: fc.constant('deliver' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('lose' as const, 'delete' as const, 'create' as const, 'relabel' as const, 'restart' as const),
    },
  ),
  planner: fc.nat(1),
  vm: fc.nat(4),
  how: fc.nat(4),
});

type Action = typeof ACTION extends fc.Arbitrary<infer T> ? T : never;

function act(planners: Planner[], store: Store, { does, planner: index, vm, how }: Action): void {
  const planner = planners[index];
  const name = `m-${vm}`;
  if (planner === undefined) return;
  const stored = store.machines.get(name);
  let budget = how + 1;
  if (does === 'begin') begin(planner, store, name);
  else if (does === 'publish') publish(planner, store, name);
  else if (does === 'deliver') deliver(planner, store, () => (budget -= 1) >= 0);
  else if (does === 'lose') planner.pending.delete(name);
  else if (does === 'delete') write(store, name, undefined);
  else if (does === 'create') create(store, name, how);
  else if (does === 'restart') planners[index] = startPlanner(store);
  // Of a claim that was not checked yet, or it changes what was agreed on.
  else if (stored !== undefined && !isVerified(stored)) {
    write(store, name, { ...stored, metadata: { ...stored.metadata, labels: { app: KINDS[how]?.app ?? '' } } });
  }
}

test('however many planners work from stale views, no more is verified than fits, and in the end all that fits is placed', () => {
  fc.assert(
    fc.property(fc.array(ACTION, { maxLength: 150, size: 'max' }), (actions) => {
      const store: Store = { machines: new Map(), log: [], version: 1 };
      for (let index = 0; index < 5; index += 1) create(store, `m-${index}`, index);
      const planners = [startPlanner(store), startPlanner(store)];
      const [{ world } = startPlanner(store)] = planners;
      for (const action of actions) {
        act(planners, store, action);
        if (action.does === 'publish') expectSafe(store, world);
      }
      const last = startPlanner(store);
      for (let round = 0; round < 6; round += 1) {
        for (const name of store.machines.keys()) {
          begin(last, store, name);
          publish(last, store, name);
          deliver(last, store, () => true);
        }
      }
      expectSafe(store, world);
      for (const vm of store.machines.values()) {
        if (vm.status.host !== undefined) expect(isVerified(vm)).toBe(true);
        else expect(schedule(requestOf(vm, []), last.ledger.roomIn(ZONE)).host).toBeUndefined();
      }
    }),
    { numRuns: 100 },
  );
});

test('a VM that must not share its pod and one that comes at the same time do not both stay, whichever of them has the rule', () => {
  for (const first of [0, 1]) {
    const store: Store = { machines: new Map(), log: [], version: 1 };
    create(store, 'm-0', 3);
    create(store, 'm-1', 2);
    const planners = [startPlanner(store), startPlanner(store)];
    const names = first === 0 ? ['m-0', 'm-1'] : ['m-1', 'm-0'];
    for (const half of [begin, publish, begin, publish]) {
      for (const [index, name] of names.entries()) {
        const planner = planners[index];
        if (planner !== undefined) half(planner, store, name);
      }
    }
    const verified = [...store.machines.values()].filter(isVerified);
    expect(verified.map(({ metadata }) => metadata.name)).toEqual([names[0]]);
  }
});

test('a planner that is sure of stale views does place too much, so that it is verification that keeps it from a driver', () => {
  const store: Store = { machines: new Map(), log: [], version: 1 };
  for (let index = 0; index < 4; index += 1) create(store, `m-${index}`, 0);
  const planners = [startPlanner(store), startPlanner(store)];
  for (const [index, name] of [...store.machines.keys()].entries()) {
    const planner = planners[index % 2];
    if (planner === undefined) continue;
    begin(planner, store, name);
    publish(planner, store, name);
  }
  const claims = [...store.machines.values()].map(({ status }) => status.host);
  expect(claims.filter((host) => host === 'h-0')).toHaveLength(2);
  for (const name of store.machines.keys()) {
    for (const planner of planners) {
      begin(planner, store, name);
      publish(planner, store, name);
    }
  }
  const verified = [...store.machines.values()].filter(isVerified).map(({ status }) => status.host);
  expect(new Set(verified).size).toBe(verified.length);
});
