import type { ApiObject } from '../../apis/meta/object.ts';
import { METRICS_TYPE } from '../../apis/meta/metrics.ts';
import { QueueKind } from '../../apis/ops/v1alpha1/queue/kind.ts';
import { openBench, zone, ZONES, type Bench } from '../../test/api-bench.ts';
import { createRequestCounts, metricsRoute } from './metrics.ts';

const QUEUES = '/apis/ops.lenticular.dev/v1alpha1/queues';
const CONTROLLERS = { name: 'system:lenticular:controllers', groups: ['system:lenticular:controllers', 'system:authenticated'] };

const queue = (name: string, depth: number): ApiObject => ({
  apiVersion: 'ops.lenticular.dev/v1alpha1',
  kind: 'Queue',
  metadata: { name, uid: `queue.${name}`, resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  status: { shard: 'global', kind: 'Zone', depth, oldest: '0s', inFlight: 0, parked: 2, done: 3, failed: 4 },
});

const counts = createRequestCounts();
let depth = 0;
let bench: Bench;
beforeEach(async () => {
  bench = await openBench({
    computed: [{ kind: QueueKind, list: () => Promise.resolve([queue('global.zone', (depth += 1)), queue('z1.host', 7)]) }],
    documents: [metricsRoute([() => counts.metrics()])],
    onAnswered: (answered) => {
      counts.note(answered);
    },
  });
});
afterEach(() => bench.close());

describe('a kind whose objects are computed', () => {
  test('is listed as it is now, every time', async () => {
    const { status, body } = await bench.ask('GET', QUEUES, { query: { limit: '500' } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ kind: 'QueueList', apiVersion: 'ops.lenticular.dev/v1alpha1' });
    expect(body.items.map(({ metadata }) => metadata.name)).toEqual(['global.zone', 'z1.host']);
    const depthOf = async (): Promise<unknown> =>
      ((await bench.ask('GET', `${QUEUES}/global.zone`)).body.status as { depth: number }).depth;
    const first = await depthOf();
    expect(await depthOf()).toBe(Number(first) + 1);
  });

  test('is shown as a table of its columns', async () => {
    const { body } = await bench.ask('GET', QUEUES, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
    const { columnDefinitions, rows } = body as unknown as {
      readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
      readonly rows: readonly { readonly cells: readonly unknown[] }[];
    };
    const shown = columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name);
    expect(shown).toEqual(['Name', 'Shard', 'Kind', 'Depth', 'Oldest', 'InFlight', 'Parked', 'Done', 'Failed']);
    expect(rows[1]?.cells.slice(0, 9)).toEqual(['z1.host', 'global', 'Zone', 7, '0s', 0, 2, 3, 4]);
  });

  test('is selected by name', async () => {
    const { body } = await bench.ask('GET', QUEUES, { query: { fieldSelector: 'metadata.name=z1.host' } });
    expect(body.items.map(({ metadata }) => metadata.name)).toEqual(['z1.host']);
  });

  test('answers what is not there, and what cannot be done, as any kind does', async () => {
    expect((await bench.ask('GET', `${QUEUES}/nothing`)).body).toMatchObject({ reason: 'NotFound', details: { kind: 'queues' } });
    for (const [method, path] of [
      ['POST', QUEUES],
      ['PUT', `${QUEUES}/z1.host`],
      ['PATCH', `${QUEUES}/z1.host`],
      ['DELETE', `${QUEUES}/z1.host`],
    ] as const)
      expect((await bench.ask(method, path, { body: queue('z1.host', 1) })).status).toBe(405);
    expect((await bench.ask('GET', QUEUES, { query: { watch: 'true' } })).status).toBe(405);
    expect((await bench.ask('GET', QUEUES, { query: { continue: 'x' } })).status).toBe(400);
    const exact = { resourceVersion: '5', resourceVersionMatch: 'Exact' };
    expect((await bench.ask('GET', QUEUES, { query: exact })).status).toBe(400);
    expect((await bench.ask('GET', QUEUES, { query: { nonsense: '1' } })).status).toBe(400);
  });

  test('is for those only who may see it', async () => {
    expect((await bench.ask('GET', QUEUES, { caller: CONTROLLERS })).status).toBe(403);
  });
});

describe('/metrics', () => {
  test('counts requests by verb, resource and code, and is for those only who may get it', async () => {
    await bench.create(ZONES, zone('a'));
    await bench.ask('GET', `${ZONES}/none`);
    const { status, headers, body } = await bench.ask('GET', '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe(METRICS_TYPE);
    const text = body as unknown as string;
    expect(text).toContain('lenticular_api_requests_total{verb="create",resource="zones.infra.lenticular.dev",code="201"} 1');
    expect(text).toContain('lenticular_api_requests_total{verb="get",resource="zones.infra.lenticular.dev",code="404"} 1');
    expect(text).toMatch(/lenticular_api_request_duration_seconds_count\{verb="create"\} [1-9]/);
    const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
    expect((await bench.ask('GET', '/metrics', { caller: anonymous })).status).toBe(403);
    expect((await bench.ask('GET', '/metrics', { caller: CONTROLLERS })).status).toBe(403);
    expect((await bench.ask('GET', '/metrics', { caller: { name: 'p', groups: ['system:monitoring'] } })).status).toBe(200);
    expect((await bench.ask('POST', '/metrics')).status).toBe(405);
  });
});
