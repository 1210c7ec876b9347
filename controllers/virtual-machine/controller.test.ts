import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { CATALOG } from '../../apis/catalog.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { describeWorld, guestStops, loseDisk } from '../../drivers/sim/guests.ts';
import { callCounts } from '../../drivers/sim/journal.ts';
import { openCloudBench, type CloudBench } from '../../test/controllers-bench.ts';

const ROOT = '/apis/infra.lenticular.dev/v1alpha1';
const STORAGE = '/apis/storage.lenticular.dev/v1alpha1';
const VMS = '/apis/compute.lenticular.dev/v1alpha1/namespaces/default/virtualmachines';
const VOLUMES = `${STORAGE}/namespaces/default/volumes`;
const MUTATING = ['ensure', 'start', 'stop', 'delete', 'release', 'attachDisk', 'detachDisk', 'growDisk', 'publish', 'unpublish', 'expand'];

interface Said {
  readonly phase?: string;
  readonly host?: string;
  readonly size?: string;
  readonly claim?: { readonly virtualMachine: string };
  readonly pendingChanges?: readonly string[];
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
}

const statusOf = (object: ApiObject | undefined): Said => (object?.status ?? { conditions: [] }) as Said;
const condition = (object: ApiObject | undefined, type = 'Ready') => statusOf(object).conditions.find((one) => one.type === type);
const ready = (object: ApiObject | undefined): boolean => condition(object)?.status === 'True';
const because = (reason: string) => (object: ApiObject | undefined) => condition(object)?.reason === reason;
const gone = (object: ApiObject | undefined): boolean => object === undefined;

function pathOf({ apiVersion, kind, metadata }: ApiObject): string {
  const found = CATALOG.find((one) => one.kind === kind && `${one.group}/${one.version}` === apiVersion);
  const where = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `/apis/${apiVersion}${where}/${found?.plural ?? ''}`;
}

async function sample(): Promise<readonly ApiObject[]> {
  return loadAll(await readFile('manifests/samples/quickstart.yaml', 'utf8')) as ApiObject[];
}

interface World {
  readonly hosts: readonly { readonly uid: string; readonly name: string; readonly machines: readonly { readonly id: string }[] }[];
  readonly pools: readonly { readonly uid: string; readonly disks: readonly { readonly id: string }[] }[];
}

let cloud: CloudBench;

beforeEach(async () => {
  cloud = await openCloudBench();
});

afterEach(async () => {
  await cloud.close();
});

const world = (): World => describeWorld(cloud.sim.sim) as World;
const things = (): readonly unknown[] => [
  ...world().hosts.flatMap(({ machines }) => machines),
  ...world().pools.flatMap(({ disks }) => disks),
];

function mutations(): number {
  const counts = Object.entries(callCounts(cloud.sim.sim.world));
  return counts.filter(([call]) => MUTATING.some((name) => call.endsWith(`.${name}`))).reduce((sum, [, count]) => sum + count, 0);
}

async function change(path: string, spec: object): Promise<void> {
  const { status, body } = await cloud.bench.ask('PATCH', path, { body: { spec } });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

async function make(kind: 'VirtualMachine' | 'Volume', name: string, spec: object): Promise<void> {
  const [path, apiVersion] = kind === 'Volume' ? [VOLUMES, 'storage.lenticular.dev/v1alpha1'] : [VMS, 'compute.lenticular.dev/v1alpha1'];
  await cloud.bench.create(path, { apiVersion, kind, metadata: { name, namespace: 'default' }, spec });
}

async function quickstart(): Promise<void> {
  for (const object of await sample()) await cloud.bench.create(pathOf(object), object);
  for (const object of await sample()) await cloud.until(`${pathOf(object)}/${object.metadata.name}`, 'Ready', ready);
}

async function versions(): Promise<readonly string[]> {
  const read = await Promise.all((await sample()).map((object) => cloud.bench.ask('GET', `${pathOf(object)}/${object.metadata.name}`)));
  return read.map(({ body }) => `${body.kind} ${body.metadata.name} ${body.metadata.resourceVersion}`);
}

const vm = `${VMS}/vm-1`;
const data = `${VOLUMES}/data-1`;

describe('The quickstart', () => {
  test('goes Ready, stays without a write or a call, also under new controllers, and leaves nothing when it is deleted', async () => {
    await quickstart();
    expect(statusOf(await cloud.until(vm, 'running', ready))).toMatchObject({
      phase: 'Running',
      host: expect.stringMatching(/^host-[12]$/) as string,
    });
    await cloud.until(data, 'attached', (object) => condition(object, 'Attached')?.status === 'True');
    await cloud.until(vm, 'addressed', (object) => JSON.stringify(object).includes('"198.'));
    await cloud.until(`${ROOT}/zones/zone-1`, 'counted', (object) => JSON.stringify(object?.status).includes('"virtualMachines":1'));
    const before = { versions: await versions(), calls: mutations() };
    await cloud.restart();
    await cloud.until(`${ROOT}/zones/zone-1`, 'led anew', (object) => JSON.stringify(object?.status).includes('controllers-2'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    // The zone says who leads it, and that is another now.
    expect((await versions()).slice(1)).toEqual(before.versions.slice(1));
    expect(mutations()).toBe(before.calls);

    for (const object of await sample()) await cloud.bench.ask('DELETE', `${pathOf(object)}/${object.metadata.name}`);
    for (const object of await sample()) await cloud.until(`${pathOf(object)}/${object.metadata.name}`, 'gone', gone);
    expect(things()).toEqual([]);
    expect(cloud.bench.troubles).toEqual([]);
  }, 30_000);

  test('is created in the wrong order, and comes up all the same', async () => {
    for (const object of [...(await sample())].reverse()) await cloud.bench.create(pathOf(object), object);
    await cloud.until(vm, 'running', ready);
  }, 30_000);
});

describe('A virtual machine', () => {
  beforeEach(quickstart, 30_000);

  const machineUid = async (): Promise<string> => (await cloud.until(vm, 'there', (object) => object !== undefined))?.metadata.uid ?? '';

  test('is started again after a crash, and after its own shutdown under Always', async () => {
    for (const cause of ['crashed', 'guest-shutdown'] as const) {
      const before = callCounts(cloud.sim.sim.world)['machine.start'] ?? 0;
      guestStops(cloud.sim.sim, await machineUid(), cause);
      await cloud.until(vm, 'running again', (object) => ready(object) && (callCounts(cloud.sim.sim.world)['machine.start'] ?? 0) > before);
    }
  }, 30_000);

  test('stays off after its own shutdown under OnFailure, until its restartToken changes', async () => {
    await change(vm, { restartPolicy: 'OnFailure' });
    await cloud.until(vm, 'told', ready);
    guestStops(cloud.sim.sim, await machineUid(), 'guest-shutdown');
    await cloud.until(vm, 'off', (object) => ready(object) && because('GuestShutdown')(object));
    await change(vm, { restartToken: 'again' });
    await cloud.until(vm, 'running', (object) => ready(object) && because('Running')(object));
  }, 30_000);

  test('stops and runs as declared, and is restarted by a token', async () => {
    await change(vm, { running: false });
    await cloud.until(vm, 'stopped', (object) => ready(object) && because('Stopped')(object));
    await change(vm, { running: true });
    await cloud.until(vm, 'running', (object) => ready(object) && because('Running')(object));
    const stops = callCounts(cloud.sim.sim.world)['machine.stop'] ?? 0;
    await change(vm, { restartToken: 'x' });
    await cloud.until(vm, 'restarting', because('Restarting'));
    await cloud.until(vm, 'running', (object) => ready(object) && because('Running')(object));
    expect(callCounts(cloud.sim.sim.world)['machine.stop']).toBe(stops + 1);
  }, 30_000);

  test('says which changes wait for a restart, and takes them then', async () => {
    await change(vm, { cpus: 3 });
    const waiting = await cloud.until(vm, 'pending', (object) => statusOf(object).pendingChanges?.includes('cpus') === true);
    expect(condition(waiting)?.status).toBe('True');
    await change(vm, { restartToken: 'x' });
    await cloud.until(vm, 'restarted', (object) => ready(object) && statusOf(object).pendingChanges === undefined);
  }, 30_000);

  test('grows its disk while it runs', async () => {
    await change(data, { size: '20Gi' });
    await cloud.until(data, 'grown', (object) => ready(object) && statusOf(object).size === '20Gi');
    await cloud.until(vm, 'running', ready);
    expect(callCounts(cloud.sim.sim.world)).toMatchObject({ 'machine.growDisk': 1 });
  }, 30_000);

  test('hands a disk to another, which waits for it by name', async () => {
    await make('VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', disks: [{ name: 'data', volume: 'data-1' }] });
    const waits = await cloud.until(`${VMS}/vm-2`, 'waiting', because('VolumeClaimed'));
    expect(condition(waits)?.message).toBe('Volume data-1 is claimed by VirtualMachine vm-1');
    await cloud.bench.ask('PATCH', vm, { body: { spec: { disks: [] } } });
    await cloud.until(`${VMS}/vm-2`, 'running', ready);
    await cloud.until(vm, 'still running', ready);
    expect(statusOf(await cloud.until(data, 'granted', ready)).claim).toMatchObject({ virtualMachine: 'vm-2' });
  }, 30_000);

  test('is not made where another machine answers in place of its host', async () => {
    await make('VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', disks: [{ name: 'data', volume: 'data-1' }] });
    const { host = '' } = statusOf(await cloud.until(`${VMS}/vm-2`, 'waiting', because('VolumeClaimed')));
    const path = `${ROOT}/hosts/${host}`;
    const patched = await cloud.bench.ask('PATCH', `${path}/status`, { body: { status: { hostId: 'another' } } });
    expect(patched.status).toBe(200);
    const said = await cloud.until(path, 'refused', because('ConfigInvalid'));
    expect(condition(said)?.message).toContain('default/vm-2');
    await change(vm, { disks: [] });
    const unknown = await cloud.until(`${VMS}/vm-2`, 'unknown', because('HostUnreachable'));
    expect(condition(unknown)?.message).toContain('in place of another');
    expect(world().hosts.flatMap(({ machines }) => machines)).toHaveLength(1);
  }, 30_000);

  test('keeps its disks where another machine answers in place of its host', async () => {
    await make('Volume', 'data-2', { storagePool: 'pool-1', size: '1Gi' });
    const disks = [{ name: 'mine', volume: 'data-2' }];
    await make('VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', disks: [...disks, { name: 'data', volume: 'data-1' }] });
    const isClaimed = (object: ApiObject | undefined): boolean => statusOf(object).claim?.virtualMachine === 'vm-2';
    await cloud.until(`${VOLUMES}/data-2`, 'claimed', isClaimed);
    const { host = '' } = statusOf(await cloud.until(`${VMS}/vm-2`, 'waiting', because('VolumeClaimed')));
    await cloud.bench.ask('PATCH', `${ROOT}/hosts/${host}/status`, { body: { status: { hostId: 'another' } } });
    await change(`${VMS}/vm-2`, { disks: [] });
    const kept = await cloud.until(`${VOLUMES}/data-2`, 'unknown', (object) => condition(object, 'Attached')?.status === 'Unknown');
    expect(isClaimed(kept)).toBe(true);
  }, 30_000);

  test('is Unknown while its host does not answer, is not touched, and is Ready again afterwards', async () => {
    const before = mutations();
    cloud.sim.faults.set({ call: '*', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    await cloud.restart();
    await cloud.until(vm, 'unknown', (object) => condition(object)?.status === 'Unknown' && because('HostUnreachable')(object));
    cloud.sim.faults.clear();
    await cloud.until(vm, 'running', ready);
    expect(mutations()).toBe(before);
  }, 40_000);

  test('that lost its disk runs on, and the disk is reported and never made again', async () => {
    const volume = await cloud.until(data, 'there', ready);
    const before = callCounts(cloud.sim.sim.world)['disk.ensure'];
    loseDisk(cloud.sim.sim, world().pools[0]?.uid ?? '', volume?.metadata.uid ?? '');
    await cloud.until(data, 'missing', because('Missing'));
    expect(callCounts(cloud.sim.sim.world)['disk.ensure']).toBe(before);
    expect(statusOf(await cloud.until(vm, 'there', () => true)).phase).toBe('Running');
  }, 30_000);

  test('leaves nothing when every answer to its making and its leaving is lost', async () => {
    for (const call of [
      'machine.ensure',
      'machine.start',
      'disk.publish',
      'machine.stop',
      'machine.delete',
      'disk.ensure',
      'disk.delete',
      'disk.unpublish',
    ]) {
      cloud.sim.faults.set({ call, count: 1, action: { do: 'lost-answer', then: 'unknown' } });
    }
    await make('Volume', 'data-2', { storagePool: 'pool-1', size: '1Gi' });
    await make('VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', disks: [{ name: 'data', volume: 'data-2' }] });
    await cloud.until(`${VMS}/vm-2`, 'running', ready);
    for (const path of [`${VMS}/vm-2`, `${VOLUMES}/data-2`]) await cloud.bench.ask('DELETE', path);
    for (const path of [`${VMS}/vm-2`, `${VOLUMES}/data-2`]) await cloud.until(path, 'gone', gone);
    expect(things()).toHaveLength(2);
  }, 60_000);
});

describe('Many virtual machines', () => {
  beforeEach(quickstart, 30_000);

  test('that want more than there is get what there is, never more, and the others say why they wait', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `big-${index}`);
    await Promise.all(names.map((name) => make('VirtualMachine', name, { cpus: 1, memory: '20Gi' })));
    // Two hosts of 64Gi, one with a VM of 4Gi: three fit on each.
    const listed = async () => (await cloud.bench.ask('GET', VMS)).body.items.filter(({ metadata }) => metadata.name !== 'vm-1');
    await cloud.until(`${ROOT}/zones/zone-1`, 'full', (object) => JSON.stringify(object?.status).includes('"virtualMachines":7'));
    for (const name of names) {
      await cloud.until(`${VMS}/${name}`, 'settled', (object) => ready(object) || because('Unschedulable')(object));
    }
    const waiting = (await listed()).filter((object) => !ready(object));
    expect(waiting).toHaveLength(6);
    for (const object of waiting) expect(condition(object)?.message).toBe('0 of 2 hosts fit: 2 have too little memory');
    for (const { machines } of world().hosts) expect(machines.length).toBeLessThanOrEqual(4);
    expect(world().hosts.flatMap(({ machines }) => machines)).toHaveLength(7);
    const placed = (await listed()).filter(ready);
    await Promise.all(placed.map(({ metadata }) => cloud.bench.ask('DELETE', `${VMS}/${metadata.name}`)));
    for (const { metadata } of waiting) await cloud.until(`${VMS}/${metadata.name}`, 'running', ready);
  }, 60_000);
});

describe('What is wrong', () => {
  test.each([
    { why: 'a driver that nobody has', driver: { name: 'nope' }, reason: 'DriverUnknown', says: /nope/ },
    {
      why: 'a configuration with an unknown field',
      driver: { name: 'sim', config: { cpu: 4 } },
      reason: 'ConfigInvalid',
      says: /spec\.driver\.config\.cpu/,
    },
  ])(
    'is named on the host: $why',
    async ({ driver, reason, says }) => {
      const meta = { apiVersion: 'infra.lenticular.dev/v1alpha1' };
      await cloud.bench.create(`${ROOT}/zones`, { ...meta, kind: 'Zone', metadata: { name: 'z' }, spec: {} });
      await cloud.bench.create(`${ROOT}/pods`, { ...meta, kind: 'Pod', metadata: { name: 'p' }, spec: { zone: 'z' } });
      await cloud.bench.create(`${ROOT}/hosts`, { ...meta, kind: 'Host', metadata: { name: 'h' }, spec: { pod: 'p', driver } });
      const said = await cloud.until(`${ROOT}/hosts/h`, reason, because(reason));
      expect(condition(said)?.message).toMatch(says);
      expect(condition(said, 'Stalled')?.status).toBe('True');
    },
    30_000,
  );

  test('heals when what it named appears', async () => {
    const meta = { apiVersion: 'infra.lenticular.dev/v1alpha1' };
    await cloud.bench.create(`${ROOT}/hosts`, {
      ...meta,
      kind: 'Host',
      metadata: { name: 'h' },
      spec: { pod: 'p', driver: { name: 'sim' } },
    });
    await make('VirtualMachine', 'vm-1', { cpus: 1, memory: '1Gi', placement: { zone: 'z' } });
    await cloud.until(`${ROOT}/hosts/h`, 'PodNotFound', because('PodNotFound'));
    await cloud.until(vm, 'ZoneNotFound', because('ZoneNotFound'));
    await cloud.bench.create(`${ROOT}/pods`, { ...meta, kind: 'Pod', metadata: { name: 'p' }, spec: { zone: 'z' } });
    await cloud.until(`${ROOT}/pods/p`, 'ZoneNotFound', because('ZoneNotFound'));
    await cloud.bench.create(`${ROOT}/zones`, { ...meta, kind: 'Zone', metadata: { name: 'z' }, spec: {} });
    await cloud.until(vm, 'running', ready);
  }, 30_000);
});
