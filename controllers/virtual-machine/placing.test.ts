import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { EventKind, type Event } from '../../apis/core/v1/event/kind.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { Client, ObjectEvent } from '../../client/client.ts';
import { createRecorder } from '../../client/recorder.ts';
import { plugDriver } from '../../drivers/dial/plug.ts';
import { createSessions } from '../../drivers/dial/sessions.ts';
import { createSimDriver, type SimDriver } from '../../drivers/sim/driver.ts';
import { describeWorld } from '../../drivers/sim/guests.ts';
import { REAL_CLOCK } from '../../test/api-bench.ts';
import { eventually, keptLog, openClientBench, type ClientBench } from '../../test/client-bench.ts';
import type { AnyController } from '../runtime/controller.ts';
import { createShard, type Shard } from '../runtime/shard.ts';
import { createViews } from '../runtime/views.ts';
import { virtualMachineController } from './controller.ts';

let bench: ClientBench;
let sim: SimDriver;
let leaders: Leader[];

interface Leader {
  readonly shard: Shard;
  end(): Promise<void>;
}

const create = (kind: KindDefinition, name: string, spec: object, namespace?: string): Promise<ApiObject> => {
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  return bench.client.create(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec }, bench.signal);
};

/** A host as its controller leaves it, of 16 CPUs and 64Gi; one without an id is never called. */
async function makeHost(name: string, hostId?: string): Promise<void> {
  const config = { cpus: 16, memory: '64Gi', bootDelayMs: 0, ...(hostId !== undefined && { hostId }) };
  const host = await create(HostKind, name, { pod: 'rack-1', driver: { name: 'sim', config } });
  const resources = { cpus: 16, memory: '64Gi', storage: '0' };
  const ready = { type: 'Ready', status: 'True', reason: 'AsDeclared', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const said = { capacity: resources, allocatable: resources, capabilities: ['machine.boot-disk'], conditions: [ready] };
  await bench.client.replaceStatus(HostKind, { ...host, status: { ...said, ...(hostId !== undefined && { hostId }) } }, bench.signal);
}

/** Only the controller of VMs, leading the zone, whoever else does. */
function lead(client: Client = bench.client): Leader {
  const sessions = createSessions({ clock: REAL_CLOCK, dial: (_name, _address, stop) => plugDriver(sim.driver, stop) });
  const stop = new AbortController();
  const base = { client, clock: REAL_CLOCK, random: () => 0.5, log: keptLog() };
  const views = createViews(client, base, stop.signal);
  const recorder = createRecorder({ ...base, component: 'test', instance: 'test' });
  const controller = virtualMachineController({ views, client, sessions, clock: REAL_CLOCK }) as unknown as AnyController;
  const synced = Promise.all([controller, ...controller.triggers].map(({ kind }) => views.of(kind).synced(stop.signal)));
  const shard = createShard({
    ...{ ...base, name: 'zone-1', views, recorder, controllers: [controller] },
    authority: () => ({ installation: 'i', incarnation: 1, shard: 'zone-1', epoch: 1 }),
    check: () => undefined,
    raise: () => Promise.resolve(),
  });
  const running = synced.then(() => Promise.all([shard.run(stop.signal), recorder.run(stop.signal)]));
  const leader = {
    shard,
    async end() {
      stop.abort(new Error('the test has ended'));
      await running.catch(() => undefined);
      await sessions.closeAll();
    },
  };
  leaders.push(leader);
  return leader;
}

beforeEach(async () => {
  bench = await openClientBench();
  sim = createSimDriver({ worldFile: ':memory:', clock: REAL_CLOCK, version: '0' });
  leaders = [];
  await create(ZoneKind, 'zone-1', {});
  await create(PodKind, 'rack-1', { zone: 'zone-1' });
});

afterEach(async () => {
  await Promise.all(leaders.map((leader) => leader.end()));
  sim.close();
  await bench.close();
});

const machines = async (): Promise<readonly VirtualMachine[]> =>
  (await bench.client.list<VirtualMachine>(VirtualMachineKind, { namespace: 'default' }, bench.signal)).items;
const placed = (all: readonly VirtualMachine[]): readonly VirtualMachine[] => all.filter(({ status }) => status.host !== undefined);

/** How many VMs neither are worked on nor are to be. */
function restingWith({ shard }: Leader): number {
  const { parkedCount = 0, settled = 0 } = shard.view().VirtualMachine ?? {};
  return parkedCount + settled;
}

/** Resolves when `count` VMs rest with each leader, and nothing was asked of any for a while. */
async function quiet(count: number): Promise<void> {
  await eventually(() => leaders.every((leader) => restingWith(leader) === count), `${count} resting`, 20_000);
  for (let before = -1; before !== bench.requests.length;) {
    before = bench.requests.length;
    await REAL_CLOCK.sleep(100, bench.signal);
  }
}

/** The names of VMs that had rounds: each round begins with a read of its object. */
const roundsSince = (from: number): readonly string[] =>
  bench.requests.slice(from).flatMap(({ method, path }) => (method === 'GET' ? (/\/virtualmachines\/([^/]+)$/.exec(path)?.[1] ?? []) : []));

test('hundreds that wait have no round when one that was placed goes, but for the one that has its room', async () => {
  const count = 300;
  await makeHost('host-1');
  for (let index = 0; index < count; index += 1) {
    await create(VirtualMachineKind, `vm-${index}`, { cpus: 1, memory: '4Gi', placement: { zone: 'zone-1' } }, 'default');
  }
  lead();
  await quiet(count);
  const before = placed(await machines());
  expect(before).toHaveLength(16);
  const waiting = (await machines()).find(({ status }) => status.host === undefined);
  expect(waiting?.status.conditions.find(({ type }) => type === 'Scheduled')).toMatchObject({
    ...{ status: 'False', reason: 'Unschedulable', message: '0 of 1 host fits: 1 has too little memory' },
  });

  const from = bench.requests.length;
  const gone = before[0]?.metadata.name ?? '';
  await bench.client.delete(VirtualMachineKind, { namespace: 'default', name: gone }, bench.signal);
  await eventually(async () => placed(await machines()).length === 16 && (await machines()).length === count - 1, 'its room is taken');
  await quiet(count - 1);
  const rounds = roundsSince(from);
  expect(new Set(rounds).size).toBe(2);
  expect(rounds.length).toBeLessThanOrEqual(10);

  const next = bench.requests.length;
  await bench.client.patch(HostKind, { name: 'host-1' }, { metadata: { annotations: { note: 'nothing new' } } }, bench.signal);
  await quiet(count - 1);
  expect(roundsSince(next)).toEqual([]);

  await makeHost('host-2');
  await eventually(async () => placed(await machines()).length === 32, 'the other host is full too');
  await quiet(count - 1);
  expect(new Set(roundsSince(next)).size).toBeLessThanOrEqual(17);
}, 60_000);

test('why each host was rejected is in an Event by name, and counted in the condition', async () => {
  for (const name of ['host-1', 'host-2']) await makeHost(name);
  await bench.client.patch(HostKind, { name: 'host-2' }, { spec: { allocation: 'Cordoned' } }, bench.signal);
  await create(VirtualMachineKind, 'big', { cpus: 1, memory: '100Gi', placement: { zone: 'zone-1' } }, 'default');
  await create(VirtualMachineKind, 'fits', { cpus: 1, memory: '1Gi', placement: { zone: 'zone-1' } }, 'default');
  lead();
  await quiet(2);
  const all = await machines();
  const scheduled = (name: string) =>
    all.find(({ metadata }) => metadata.name === name)?.status.conditions.find(({ type }) => type === 'Scheduled');
  expect(scheduled('big')).toMatchObject({ status: 'False', message: '0 of 2 hosts fit: 1 has too little memory, 1 is cordoned' });
  expect(scheduled('fits')).toMatchObject({ status: 'True', message: 'on Host host-1, the only one that fits; 1 does not: 1 is cordoned' });
  const { items } = await bench.client.list<Event>(EventKind, {}, bench.signal);
  const messages = items.map(({ message }) => message);
  expect(messages).toContain('0 of 2 hosts fit: 1 has too little memory (host-1), 1 is cordoned (host-2)');
  expect(messages).toContain('on Host host-1, the only one that fits; 1 does not: 1 is cordoned (host-2)');
});

/** A client whose watches tell late, each change after another delay, in their order. */
function lagging(client: Client, mostMs: number): Client {
  return {
    ...client,
    async *watch<O extends ApiObject>(...[kind, options, signal]: Parameters<Client['watch']>): AsyncIterable<ObjectEvent<O>> {
      for await (const event of client.watch<O>(kind, options, signal)) {
        await REAL_CLOCK.sleep(Math.random() * mostMs, signal);
        yield event;
      }
    },
  };
}

test('of two that both believe to lead, with views that lag behind, none makes what does not fit, and nothing is made twice', async () => {
  const made = (): readonly (readonly string[])[] => {
    const { hosts } = describeWorld(sim.sim) as { readonly hosts: readonly { readonly machines: readonly { readonly id: string }[] }[] };
    return hosts.map(({ machines: all }) => all.map(({ id }) => id));
  };
  for (const name of ['host-1', 'host-2']) await makeHost(name, `id-of-${name}`);
  const most: number[] = [0];
  const watching = new AbortController();
  const watched = (async () => {
    while (!watching.signal.aborted) {
      most.push(...made().map((ids) => ids.length));
      await REAL_CLOCK.sleep(2, watching.signal).catch(() => undefined);
    }
  })();
  lead();
  lead(lagging(bench.client, 20));
  // Of 5 CPUs and 16Gi: three fit on a host.
  await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      create(VirtualMachineKind, `vm-${index}`, { cpus: 5, memory: '16Gi', placement: { zone: 'zone-1' } }, 'default'),
    ),
  );
  const running = async (): Promise<number> =>
    (await machines()).filter(({ status }) => status.conditions.some(({ reason }) => reason === 'Running')).length;
  await eventually(async () => (await running()) === 6, 'both hosts are full', 20_000);
  await quiet(24);
  watching.abort(new Error('seen enough'));
  await watched;
  expect(Math.max(...most)).toBe(3);
  const ids = made().flat();
  expect(new Set(ids).size).toBe(6);
  expect(ids).toHaveLength(6);
}, 60_000);
