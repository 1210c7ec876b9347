import type { Caller } from '../../apis/meta/request.ts';
import { nextEvents, openBench, vm, VMS, zone, ZONES, type Bench } from '../../test/api-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.create(ZONES, zone('here'));
  await bench.create(VMS, vm('there', {}, { finalizers: ['example.org/hold'] }));
});
afterAll(async () => {
  await bench.close();
  expect(bench.troubles).toEqual([]);
});

const EVENTS = '/api/v1/namespaces/default/events';
const NEW_EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';

describe('writes', () => {
  test('a dry run does everything but write', async () => {
    const before = await bench.store.revision(bench.signal);
    const query = { dryRun: 'All' };
    expect((await bench.ask('POST', ZONES, { query, body: zone('dry') })).body).toMatchObject({
      metadata: { name: 'dry', generation: 1 },
      spec: { allocation: 'Enabled' },
    });
    expect((await bench.ask('POST', ZONES, { query, body: zone('here') })).status).toBe(409);
    expect((await bench.ask('PATCH', `${ZONES}/here`, { query, body: { spec: { allocation: 'Disabled' } } })).body).toMatchObject({
      spec: { allocation: 'Disabled' },
    });
    expect((await bench.ask('DELETE', `${ZONES}/here`, { query })).body).toMatchObject({ status: 'Success' });
    expect(await bench.store.revision(bench.signal)).toBe(before);
  });

  test('a generated name begins as asked', async () => {
    const made = await bench.create(ZONES, { ...zone('x'), metadata: { generateName: 'gen-' } });
    expect(made.metadata.name).toMatch(/^gen-\d{5}$/);
  });

  test('a YAML body is as good as a JSON one', async () => {
    const body = 'apiVersion: infra.lenticular.dev/v1alpha1\nkind: Zone\nmetadata: {name: yaml}\n';
    const answer = await bench.ask('POST', ZONES, { body, headers: { 'content-type': 'application/yaml' } });
    expect(answer).toMatchObject({ status: 201, body: { metadata: { name: 'yaml' } } });
  });

  test('an unknown field is pruned with a warning', async () => {
    const answer = await bench.ask('POST', ZONES, { body: zone('warned', { spec: { nope: 1 } }) });
    expect(answer).toMatchObject({ status: 201, headers: { warning: '299 - "unknown field \\"spec.nope\\""' } });
  });

  test('a finalizer in a replacement of the status is dropped, and the same status again changes nothing', async () => {
    const made = await bench.create(VMS, vm('status'));
    const sent = { ...made, status: { conditions: [], phase: 'Running' }, metadata: { ...made.metadata, finalizers: ['a.b/c'] } };
    const first = await bench.ask('PUT', `${VMS}/status/status`, { body: sent });
    expect(first.body).toMatchObject({ status: { phase: 'Running' }, metadata: { generation: 1 } });
    expect(first.body.metadata.finalizers).toBeUndefined();
    const again = await bench.ask('PUT', `${VMS}/status/status`, { body: first.body });
    expect(again.body).toEqual(first.body);
    expect((await bench.ask('PUT', `${VMS}/status/status`, { body: { ...first.body, metadata: made.metadata } })).status).toBe(409);
  });

  test('patches of many at once all arrive', async () => {
    await bench.create(ZONES, zone('busy'));
    const labels = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(
      labels.map((label) => bench.ask('PATCH', `${ZONES}/busy`, { body: { metadata: { labels: { [label]: 'x' } } } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { body } = await bench.ask('GET', `${ZONES}/busy`);
    expect(Object.keys(body.metadata.labels ?? {}).sort()).toEqual(labels);
  });

  test('an object with finalizers is marked, stays until the last one is taken away, and cannot be marked twice', async () => {
    const marked = await bench.ask('DELETE', `${VMS}/there`);
    expect(marked.body.metadata).toMatchObject({ generation: 2, deletionGracePeriodSeconds: 0 });
    expect((await bench.ask('DELETE', `${VMS}/there`)).body.metadata.resourceVersion).toBe(marked.body.metadata.resourceVersion);
    const more = { metadata: { finalizers: ['example.org/hold', 'example.org/more'] } };
    expect(await bench.ask('PATCH', `${VMS}/there`, { body: more })).toMatchObject({ status: 422 });
    expect((await bench.ask('PATCH', `${VMS}/there`, { body: { metadata: { finalizers: [] } } })).status).toBe(200);
    expect((await bench.ask('GET', `${VMS}/there`)).status).toBe(404);
  });

  test('what is gone at once is told as Kubernetes tells it, and protection says how it is lifted', async () => {
    const made = await bench.create(ZONES, zone('safe', { spec: { protected: true } }));
    const refused = await bench.ask('DELETE', `${ZONES}/safe`);
    expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(refused.body.message).toContain('set spec.protected to false first');
    await bench.ask('PATCH', `${ZONES}/safe`, { body: { spec: { protected: false } } });
    const details = { name: 'safe', group: 'infra.lenticular.dev', kind: 'zones', uid: made.metadata.uid };
    expect((await bench.ask('DELETE', `${ZONES}/safe`)).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details,
    });
  });
});

describe('the two faces of an Event', () => {
  test('show the same object, in lists and watches, and are found by the fields of their own', async () => {
    const { metadata } = (await bench.ask('GET', EVENTS)).body;
    const core = await bench.watch(EVENTS, { resourceVersion: metadata.resourceVersion });
    const newer = await bench.watch(NEW_EVENTS, { resourceVersion: metadata.resourceVersion });
    const made = await bench.create(NEW_EVENTS, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e1' },
      regarding: { kind: 'Zone', name: 'here' },
      note: 'hello',
      reason: 'Said',
    });
    const old = (await bench.ask('GET', `${EVENTS}/e1`)).body;
    expect(old).toMatchObject({ apiVersion: 'v1', message: 'hello', involvedObject: { name: 'here' }, metadata: made.metadata });
    expect((await bench.ask('GET', `${NEW_EVENTS}/e1`)).body).toEqual(made);
    expect((await nextEvents(core, 1)).map(({ type, object }) => [type, object])).toEqual([['ADDED', old]]);
    expect((await nextEvents(newer, 1)).map(({ type, object }) => [type, object])).toEqual([['ADDED', made]]);
    const described = await bench.ask('GET', EVENTS, { query: { fieldSelector: 'involvedObject.name=here,involvedObject.kind=Zone' } });
    expect(described.body.items).toHaveLength(1);
    expect((await bench.ask('GET', NEW_EVENTS, { query: { fieldSelector: 'regarding.name=there' } })).body.items).toHaveLength(0);
    const patched = await bench.ask('PATCH', `${EVENTS}/e1`, {
      body: { count: 2 },
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    });
    expect((await bench.ask('GET', `${NEW_EVENTS}/e1`)).body).toMatchObject({ deprecatedCount: 2, metadata: patched.body.metadata });
  });
});

describe('authorization', () => {
  const anonymous: Caller = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
  const controllers: Caller = { name: 'controllers', groups: ['system:lenticular:controllers', 'system:authenticated'] };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' } };

  test.each([
    { caller: anonymous, method: 'GET', path: ZONES, status: 403 },
    { caller: anonymous, method: 'GET', path: '/apis', status: 403 },
    { caller: anonymous, method: 'GET', path: '/healthz', status: 404 },
    { caller: controllers, method: 'GET', path: ZONES, status: 200 },
    { caller: controllers, method: 'POST', path: ZONES, body: zone('no'), status: 403 },
    { caller: controllers, method: 'DELETE', path: `${ZONES}/here`, status: 403 },
    { caller: controllers, method: 'PUT', path: `${ZONES}/here`, body: zone('here'), status: 403 },
    { caller: controllers, method: 'PUT', path: `${ZONES}/here/status`, body: zone('here'), status: 422 },
    { caller: controllers, method: 'PATCH', path: `${ZONES}/here`, body: { metadata: { finalizers: [] } }, status: 200 },
    {
      caller: controllers,
      method: 'POST',
      path: '/apis/coordination.k8s.io/v1/namespaces/lenticular-system/leases',
      body: lease,
      status: 201,
    },
    { caller: controllers, method: 'POST', path: '/apis/coordination.k8s.io/v1/namespaces/default/leases', body: lease, status: 403 },
    { caller: controllers, method: 'GET', path: '/api/v1/namespaces', status: 403 },
  ] as const)('$caller.name may $method $path: $status', async ({ caller, method, path, status, ...body }) => {
    expect((await bench.ask(method, path, { caller, ...body })).status).toBe(status);
  });

  test('a refusal is in the words of Kubernetes', async () => {
    const { body } = await bench.ask('GET', `${VMS}/x`, { caller: anonymous });
    expect(body.message).toBe(
      'virtualmachines.compute.lenticular.dev "x" is forbidden: User "system:anonymous" cannot get resource "virtualmachines" in API group "compute.lenticular.dev" in the namespace "default"',
    );
  });
});
