import { setTimeout as delay } from 'node:timers/promises';
import { openBench, REAL_CLOCK, vm, VMS, zone, ZONES, type Answer, type Bench } from '../../test/api-bench.ts';
import { runLifecycle } from './lifecycle.ts';

let bench: Bench;
let running: Promise<void>;
const stop = new AbortController();

beforeAll(async () => {
  bench = await openBench();
  const { api, store, troubles } = bench;
  running = runLifecycle({ ...api, store, clock: REAL_CLOCK, identity: 'test', onTrouble: (error) => troubles.push(error) }, stop.signal);
});

afterAll(async () => {
  stop.abort();
  await running;
  await bench.close();
  expect(bench.troubles).toEqual([]);
});

/** Asks until the answer is as wanted; fails after three seconds. */
async function until(path: string, wanted: (answer: Answer) => boolean): Promise<Answer> {
  for (let tries = 0; ; tries += 1) {
    const answer = await bench.ask('GET', path);
    if (wanted(answer) || tries > 150) {
      expect([path, wanted(answer), answer.body]).toEqual([path, true, answer.body]);
      return answer;
    }
    await delay(20);
  }
}

const gone = ({ status }: Answer): boolean => status === 404;
const namespace = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const NAMESPACES = '/api/v1/namespaces';
const vmsIn = (name: string): string => `/apis/compute.lenticular.dev/v1alpha1/namespaces/${name}/virtualmachines`;

describe('namespaces', () => {
  test('the default namespace and the server’s own are there from the first start, and stay', async () => {
    await until(`${NAMESPACES}/default`, ({ status }) => status === 200);
    await until(`${NAMESPACES}/lenticular-system`, ({ status }) => status === 200);
    expect(await bench.ask('DELETE', `${NAMESPACES}/default`)).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
  });

  test('a namespace goes with its content, and takes nothing new while it goes', async () => {
    await bench.create(NAMESPACES, namespace('short'));
    await bench.create(vmsIn('short'), vm('a', {}, { finalizers: ['example.org/hold'] }));
    await bench.create(vmsIn('short'), vm('b'));
    const answer = await bench.ask('DELETE', `${NAMESPACES}/short`);
    expect(answer).toMatchObject({ status: 200, body: { kind: 'Namespace', status: { phase: 'Terminating' } } });
    await until(`${vmsIn('short')}/b`, gone);
    const held = await until(`${NAMESPACES}/short`, ({ body }) => JSON.stringify(body).includes('example.org/hold'));
    expect(held.body.status).toMatchObject({ phase: 'Terminating' });
    const late = await bench.ask('POST', vmsIn('short'), { body: vm('late') });
    expect(late).toMatchObject({ status: 403, body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } } });
    await bench.ask('PATCH', `${vmsIn('short')}/a`, { body: { metadata: { finalizers: null } } });
    await until(`${NAMESPACES}/short`, gone);
  });

  test('a protected object keeps its namespace, which names it until the protection is taken away', async () => {
    await bench.create(NAMESPACES, namespace('safe'));
    await bench.create(vmsIn('safe'), vm('precious', { protected: true }));
    await bench.ask('DELETE', `${NAMESPACES}/safe`);
    const held = await until(`${NAMESPACES}/safe`, ({ body }) => JSON.stringify(body).includes('precious'));
    expect(held.body.status).toMatchObject({ conditions: [{ type: 'NamespaceDeletionContentFailure', status: 'True' }, {}, {}] });
    expect(JSON.stringify(held.body.status)).toContain('spec.protected');
    expect((await bench.ask('GET', `${vmsIn('safe')}/precious`)).body.metadata.deletionTimestamp).toBeUndefined();
    await bench.ask('PATCH', `${vmsIn('safe')}/precious`, { body: { spec: { protected: false } } });
    await until(`${NAMESPACES}/safe`, gone);
  });
});

describe('owners', () => {
  const owned = (owner: { metadata: { name: string; uid: string } }, more: object = {}): object => ({
    ownerReferences: [
      {
        apiVersion: 'compute.lenticular.dev/v1alpha1',
        kind: 'VirtualMachine',
        name: owner.metadata.name,
        uid: owner.metadata.uid,
        ...more,
      },
    ],
  });

  test('an object goes when its only owner is gone', async () => {
    const owner = await bench.create(VMS, vm('owner'));
    await bench.create(VMS, vm('child', {}, owned(owner)));
    await bench.ask('DELETE', `${VMS}/owner`);
    await until(`${VMS}/child`, gone);
  });

  test('an owner of the same name but another uid is no owner', async () => {
    const owner = await bench.create(VMS, vm('again'));
    await bench.ask('DELETE', `${VMS}/again`);
    await bench.create(VMS, vm('again'));
    await bench.create(VMS, vm('orphan', {}, owned(owner)));
    await until(`${VMS}/orphan`, gone);
    expect((await bench.ask('GET', `${VMS}/again`)).status).toBe(200);
  });

  test('foreground deletion keeps the owner until the dependents that block it are gone', async () => {
    const owner = await bench.create(VMS, vm('front'));
    await bench.create(VMS, vm('blocker', {}, { ...owned(owner, { blockOwnerDeletion: true }), finalizers: ['example.org/hold'] }));
    await bench.ask('DELETE', `${VMS}/front`, { query: { propagationPolicy: 'Foreground' } });
    await until(`${VMS}/blocker`, ({ body }) => body.metadata.deletionTimestamp !== undefined);
    expect((await bench.ask('GET', `${VMS}/front`)).body.metadata.finalizers).toEqual(['foregroundDeletion']);
    await bench.ask('PATCH', `${VMS}/blocker`, { body: { metadata: { finalizers: null } } });
    await until(`${VMS}/front`, gone);
  });

  test('orphan deletion leaves the dependents, without the owner', async () => {
    const owner = await bench.create(VMS, vm('leaver'));
    await bench.create(VMS, vm('kept', {}, owned(owner)));
    await bench.ask('DELETE', `${VMS}/leaver`, { query: { propagationPolicy: 'Orphan' } });
    await until(`${VMS}/leaver`, gone);
    const kept = await bench.ask('GET', `${VMS}/kept`);
    expect(kept.status).toBe(200);
    expect(kept.body.metadata.ownerReferences).toBeUndefined();
  });

  test('an owner of a kind that is not served here is not taken for gone', async () => {
    const foreign = { ownerReferences: [{ apiVersion: 'example.org/v1', kind: 'Thing', name: 'x', uid: 'x' }] };
    await bench.create(ZONES, { ...zone('foreign'), metadata: { name: 'foreign', ...foreign } });
    const owner = await bench.create(VMS, vm('marker'));
    await bench.create(VMS, vm('marked', {}, owned(owner)));
    await bench.ask('DELETE', `${VMS}/marker`);
    await until(`${VMS}/marked`, gone);
    expect((await bench.ask('GET', `${ZONES}/foreign`)).status).toBe(200);
  });
});
