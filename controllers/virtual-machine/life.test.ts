import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import { CATALOG } from '../../apis/catalog.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { describeWorld, driftMachine, plantDisk, plantMachine } from '../../drivers/sim/guests.ts';
import { callCounts } from '../../drivers/sim/journal.ts';
import { openCloudBench, type CloudBench } from '../../test/controllers-bench.ts';

const INFRA = '/apis/infra.lenticular.dev/v1alpha1';
const STORAGE = '/apis/storage.lenticular.dev/v1alpha1';
const VMS = '/apis/compute.lenticular.dev/v1alpha1/namespaces/default/virtualmachines';
const VOLUMES = `${STORAGE}/namespaces/default/volumes`;
const POOL = `${STORAGE}/storagepools/pool-1`;
const vm = `${VMS}/vm-1`;
const data = `${VOLUMES}/data-1`;

interface Said {
  readonly observedGeneration?: number;
  readonly host?: string;
  readonly machines?: number;
  readonly pendingChanges?: readonly string[];
  readonly claim?: { readonly virtualMachine: string; readonly uid: string };
  readonly unmanaged?: readonly { readonly id: string; readonly why: string }[];
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
}

interface World {
  readonly hosts: readonly { readonly uid: string; readonly name: string; readonly machines: readonly { readonly id: string }[] }[];
  readonly pools: readonly { readonly uid: string; readonly disks: readonly { readonly id: string }[] }[];
}

type Fits = (object: ApiObject | undefined) => boolean;

const statusOf = (object: ApiObject | undefined): Said => (object?.status ?? { conditions: [] }) as Said;
const condition = (object: ApiObject | undefined) => statusOf(object).conditions.find(({ type }) => type === 'Ready');
const ready: Fits = (object) => condition(object)?.status === 'True';
const because =
  (reason: string): Fits =>
  (object) =>
    condition(object)?.reason === reason;
const gone: Fits = (object) => object === undefined;
/** Whether the status speaks of the object as it is declared now. */
const told: Fits = (object) => statusOf(object).observedGeneration === object?.metadata.generation;
const lists =
  (id: string, why: string): Fits =>
  (object) =>
    statusOf(object).unmanaged?.some((thing) => thing.id === id && thing.why === why) === true;

function pathOf({ apiVersion, kind, metadata }: ApiObject): string {
  const found = CATALOG.find((one) => one.kind === kind && `${one.group}/${one.version}` === apiVersion);
  const where = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `/apis/${apiVersion}${where}/${found?.plural ?? ''}`;
}

let cloud: CloudBench;

async function change(path: string, spec: object): Promise<void> {
  const { status, body } = await cloud.bench.ask('PATCH', path, { body: { spec } });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

async function make(kind: 'VirtualMachine' | 'Volume', name: string, spec: object): Promise<ApiObject> {
  const [path, apiVersion] = kind === 'Volume' ? [VOLUMES, 'storage.lenticular.dev/v1alpha1'] : [VMS, 'compute.lenticular.dev/v1alpha1'];
  return cloud.bench.create(path, { apiVersion, kind, metadata: { name, namespace: 'default' }, spec });
}

async function uidOf(path: string): Promise<string> {
  return (await cloud.bench.ask('GET', path)).body.metadata.uid;
}

const world = (): World => describeWorld(cloud.sim.sim) as World;
const machineIds = (): readonly string[] => world().hosts.flatMap(({ machines }) => machines.map(({ id }) => id));
const diskIds = (): readonly string[] => world().pools.flatMap(({ disks }) => disks.map(({ id }) => id));
const count = (call: string): number => callCounts(cloud.sim.sim.world)[call] ?? 0;

/** From now on the device of this uid answers nothing. */
function silence(endpoint: string): void {
  cloud.sim.faults.set({ call: '*', endpoint, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
}

/** The next call of this name has its effect, and its caller does not hear of it. */
function loseAnswer(call: string): void {
  cloud.sim.faults.set({ call, count: 1, action: { do: 'lost-answer', then: 'unknown' } });
}

/** Deletes vm-1 although its host is silent, and lets the host answer again. */
async function abandonMachine(): Promise<{ readonly uid: string; readonly host: string }> {
  const { host: name = '' } = statusOf(await cloud.until(vm, 'running', ready));
  await cloud.until(data, 'attached', (object) => JSON.stringify(object?.status).includes('"Attached","status":"True"'));
  const [uid, host] = [await uidOf(vm), `${INFRA}/hosts/${name}`];
  silence(await uidOf(host));
  await cloud.restart();
  await cloud.until(vm, 'unknown', because('HostUnreachable'));
  await cloud.bench.ask('DELETE', vm);
  expect((await cloud.bench.ask('GET', vm)).status).toBe(200);
  await change(vm, { abandon: { reason: 'the host burnt' } });
  await cloud.until(vm, 'gone', gone);
  const events = await cloud.until('/apis/events.k8s.io/v1/namespaces/default/events', 'told', (list) =>
    JSON.stringify(list).includes('Abandoned'),
  );
  expect(JSON.stringify(events)).toContain('given up (the host burnt)');
  return { uid, host };
}

beforeEach(async () => {
  cloud = await openCloudBench();
  const objects = loadAll(await readFile('manifests/samples/quickstart.yaml', 'utf8')) as ApiObject[];
  for (const object of objects) await cloud.bench.create(pathOf(object), object);
  for (const object of objects) await cloud.until(`${pathOf(object)}/${object.metadata.name}`, 'Ready', ready);
}, 30_000);

afterEach(async () => {
  await cloud.close();
});

describe('A VM that is given up on', () => {
  test('frees none of its volumes while its machine may run, and all once a person had the orphan deleted', async () => {
    const { uid, host } = await abandonMachine();
    await make('VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', disks: [{ name: 'data', volume: 'data-1' }] });
    await cloud.until(`${VMS}/vm-2`, 'waiting', because('VolumeClaimed'));
    expect(machineIds()).toContain(uid);
    cloud.sim.faults.clear();
    await cloud.until(host, 'listing it', lists(uid, 'orphan'));
    expect(statusOf(await cloud.until(data, 'there', ready)).claim?.uid).toBe(uid);
    expect(because('VolumeClaimed')(await cloud.until(`${VMS}/vm-2`, 'there', () => true))).toBe(true);

    for (const call of ['machine.stop', 'machine.delete', 'disk.unpublish']) loseAnswer(call);
    await change(host, { collect: [uid] });
    await cloud.until(host, 'rid of it', (object) => statusOf(object).unmanaged === undefined);
    await cloud.until(`${VMS}/vm-2`, 'running', ready);
    expect(machineIds()).toEqual([await uidOf(`${VMS}/vm-2`)]);
    expect(diskIds()).toEqual([await uidOf(data)]);
  }, 60_000);

  test('is taken in again as it runs, by one of two that want it, and with its volume', async () => {
    const { uid, host } = await abandonMachine();
    cloud.sim.faults.clear();
    await cloud.until(host, 'listing it', lists(uid, 'orphan'));
    const [stops, starts] = [count('machine.stop'), count('machine.start')];
    loseAnswer('machine.adopt');
    const spec = { adopt: uid, cpus: 2, memory: '4Gi', disks: [{ name: 'data', volume: 'data-1' }], placement: { zone: 'zone-1' } };
    const made = await make('VirtualMachine', 'vm-2', spec);
    await cloud.until(`${VMS}/vm-2`, 'running', ready);
    await cloud.until(data, 'its', (object) => statusOf(object).claim?.uid === made.metadata.uid && ready(object));
    await make('VirtualMachine', 'vm-3', spec);
    const late = await cloud.until(`${VMS}/vm-3`, 'refused', because('NotAdoptable'));
    expect(condition(late)?.message).toContain(uid);
    expect(machineIds()).toEqual([made.metadata.uid]);
    expect([count('machine.stop'), count('machine.start')]).toEqual([stops, starts]);
    await cloud.until(host, 'without orphans', (object) => statusOf(object).unmanaged === undefined);
  }, 60_000);
});

describe('A volume', () => {
  test('that is given up on goes although its pool is silent; its disk is an orphan until a person has it deleted', async () => {
    const { metadata } = await make('Volume', 'data-2', { storagePool: 'pool-1', size: '1Gi' });
    await cloud.until(`${VOLUMES}/data-2`, 'ready', ready);
    silence(await uidOf(POOL));
    await cloud.bench.ask('DELETE', `${VOLUMES}/data-2`);
    await change(`${VOLUMES}/data-2`, { abandon: { reason: 'the array burnt' } });
    await cloud.until(`${VOLUMES}/data-2`, 'gone', gone);
    cloud.sim.faults.clear();
    await cloud.until(POOL, 'listing it', lists(metadata.uid, 'orphan'));
    expect(diskIds()).toContain(metadata.uid);
    await change(POOL, { collect: [metadata.uid, await uidOf(data)] });
    await cloud.until(POOL, 'rid of it', (object) => statusOf(object).unmanaged === undefined);
    // The other one that was named has its object.
    expect(diskIds()).toEqual([await uidOf(data)]);
  }, 60_000);

  test('takes in a disk that another handed back, also when the answer is lost, and one of two has it', async () => {
    const { metadata } = await make('Volume', 'data-2', { storagePool: 'pool-1', size: '1Gi', deletionPolicy: 'Retain' });
    await cloud.until(`${VOLUMES}/data-2`, 'ready', ready);
    await cloud.bench.ask('DELETE', `${VOLUMES}/data-2`);
    await cloud.until(POOL, 'listing it', lists(metadata.uid, 'released'));
    loseAnswer('disk.adopt');
    const spec = { storagePool: 'pool-1', size: '2Gi', adopt: metadata.uid };
    await make('Volume', 'data-3', spec);
    await cloud.until(`${VOLUMES}/data-3`, 'grown', (object) => ready(object) && JSON.stringify(object?.status).includes('"size":"2Gi"'));
    await make('Volume', 'data-4', spec);
    const late = await cloud.until(`${VOLUMES}/data-4`, 'refused', because('NotAdoptable'));
    expect(condition(late)?.message).toContain('managed by Volume default/data-3');
    expect(diskIds()).toHaveLength(2);
    await cloud.until(POOL, 'without unmanaged disks', (object) => statusOf(object).unmanaged === undefined);
  }, 60_000);

  test('takes in a disk that nobody here made, and never one of another volume', async () => {
    for (const [path, spec, says] of [
      [VOLUMES, { poolSelector: {}, size: '1Gi', adopt: 'x' }, 'give storagePool, and no source'],
      [VOLUMES, { storagePool: 'pool-1', size: '1Gi', adopt: 'x', source: { image: 'a' } }, 'give storagePool, and no source'],
      [VMS, { cpus: 1, memory: '1Gi', adopt: 'x' }, 'give placement.zone'],
    ] as const) {
      const [kind, group] = path === VMS ? ['VirtualMachine', 'compute'] : ['Volume', 'storage'];
      const object = { apiVersion: `${group}.lenticular.dev/v1alpha1`, kind, metadata: { name: 'x' }, spec };
      const { status, body } = await cloud.bench.ask('POST', path, { body: object });
      expect([status, body.message]).toEqual([422, expect.stringContaining(says)]);
    }
    plantDisk(cloud.sim.sim, await uidOf(POOL), 'foreign-1', 2 ** 30);
    await cloud.until(POOL, 'listing it', lists('foreign-1', 'foreign'));
    await make('Volume', 'data-2', { storagePool: 'pool-1', size: '1Gi', adopt: 'foreign-1' });
    await cloud.until(`${VOLUMES}/data-2`, 'ready', ready);
    await make('Volume', 'data-3', { storagePool: 'pool-1', size: '10Gi', adopt: await uidOf(data) });
    const refused = await cloud.until(`${VOLUMES}/data-3`, 'refused', because('NotAdoptable'));
    expect(condition(refused)?.message).toContain('managed by Volume default/data-1');
  }, 60_000);
});

describe('What is not ours', () => {
  test('is listed and never touched, whatever spec.collect says', async () => {
    const host = `${INFRA}/hosts/host-1`;
    plantMachine(cloud.sim.sim, await uidOf(host), 'foreign-1');
    await cloud.until(host, 'listing it', lists('foreign-1', 'foreign'));
    const [stops, deletes] = [count('machine.stop'), count('machine.delete')];
    await change(host, { collect: ['foreign-1', await uidOf(vm)] });
    await cloud.until(host, 'seen', (object) => told(object));
    expect(machineIds()).toContain('foreign-1');
    expect([count('machine.stop'), count('machine.delete')]).toEqual([stops, deletes]);
    await cloud.until(vm, 'running', ready);
  }, 30_000);
});

describe('A VM', () => {
  test('runs on while the pool of its volume does not answer; only the volume is Unknown', async () => {
    const [stops, starts] = [count('machine.stop'), count('machine.start')];
    silence(await uidOf(POOL));
    await cloud.restart();
    const lost = await cloud.until(data, 'unknown', because('DriverUnreachable'));
    expect(condition(lost)?.status).toBe('Unknown');
    const { claim } = statusOf(lost);
    expect(claim?.virtualMachine).toBe('vm-1');
    expect(ready(await cloud.until(vm, 'running', ready))).toBe(true);
    cloud.sim.faults.clear();
    await cloud.until(data, 'ready', ready);
    expect([count('machine.stop'), count('machine.start')]).toEqual([stops, starts]);
  }, 40_000);

  test('whose placement no longer fits runs on, and goes elsewhere at its next stop, also when every answer is lost once', async () => {
    const { host = '' } = statusOf(await cloud.until(vm, 'running', ready));
    const other = host === 'host-1' ? 'host-2' : 'host-1';
    await cloud.bench.ask('PATCH', `${INFRA}/hosts/${other}`, { body: { metadata: { labels: { room: 'b' } } } });
    const stops = count('machine.stop');
    await change(vm, { placement: { hostSelector: { matchLabels: { room: 'b' } } } });
    await cloud.until(vm, 'pending', (object) => ready(object) && statusOf(object).pendingChanges?.includes('placement') === true);
    expect(count('machine.stop')).toBe(stops);
    for (const call of ['machine.stop', 'machine.delete', 'machine.ensure', 'machine.start', 'disk.unpublish', 'disk.publish'])
      loseAnswer(call);
    await change(vm, { restartToken: 'go' });
    await cloud.until(vm, 'moved', (object) => ready(object) && statusOf(object).host === other);
    const places = world().hosts.filter(({ machines }) => machines.length > 0);
    expect(places.map(({ name }) => name)).toEqual([other]);
    expect(machineIds()).toEqual([await uidOf(vm)]);
    await cloud.until(data, 'with it', (object) => ready(object) && statusOf(object).claim?.virtualMachine === 'vm-1');
  }, 60_000);

  test('that somebody changed is repaired under Enforce, and only reported under Observe', async () => {
    const { host = '' } = statusOf(await cloud.until(vm, 'running', ready));
    const [hostUid, uid] = [await uidOf(`${INFRA}/hosts/${host}`), await uidOf(vm)];
    const ensures = count('machine.ensure');
    driftMachine(cloud.sim.sim, hostUid, uid, 'cpus');
    await cloud.until(vm, 'repaired', (object) => count('machine.ensure') > ensures && ready(object));
    await change(vm, { driftPolicy: 'Observe' });
    await cloud.until(vm, 'told', (object) => told(object) && ready(object));
    driftMachine(cloud.sim.sim, hostUid, uid, 'memory');
    const said = await cloud.until(vm, 'reported', because('Drifted'));
    expect(condition(said)?.message).toContain('memory');
  }, 30_000);
});
