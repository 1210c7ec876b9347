import { ControllerConfigKind } from '../../apis/ops/v1alpha1/controller-config/kind.ts';
import type { ControllerConfig } from '../../apis/ops/v1alpha1/controller-config/schema.ts';
import { reflect } from '../../client/reflector.ts';
import { createBoard } from '../../controllers/runtime/board.ts';
import { REAL_CLOCK } from '../../test/api-bench.ts';
import { eventually, keptLog } from '../../test/client-bench.ts';
import { openShardBench, settled, toy, type ShardBench, type Started } from '../../test/shard-bench.ts';
import { queueObject } from './queues.ts';
import { settingsOf } from './settings.ts';

const CONFIGS = '/apis/ops.lenticular.dev/v1alpha1/controllerconfigs';

let room: ShardBench;
let started: Started;
let rounds: string[];
beforeEach(async () => {
  room = await openShardBench();
  rounds = [];
  const { client, signal } = room.bench;
  const view = reflect<ControllerConfig>(client, ControllerConfigKind, { clock: REAL_CLOCK, random: () => 0.5, log: keptLog() }, signal);
  started = await room.start(toy({ observe: ({ metadata }) => Promise.resolve(rounds.push(metadata.name)) }), {
    settings: settingsOf(view),
  });
});
afterEach(() => room.close());

const config = (spec: object, name = 'default'): object => ({
  apiVersion: 'ops.lenticular.dev/v1alpha1',
  kind: 'ControllerConfig',
  metadata: { name },
  spec,
});
const declare = async (spec: object): Promise<void> => {
  const { status, body } = await room.bench.ask('PATCH', `${CONFIGS}/default`, { body: { spec } });
  if (status !== 200) await room.bench.create(CONFIGS, config(spec)).catch(() => Promise.reject(new Error(JSON.stringify(body))));
};
const view = () => started.shard.view().Zone;

describe('ControllerConfig', () => {
  test('that is not there leaves everything as by default', async () => {
    await room.make('a');
    await settled(started, 1);
    expect(view()).toMatchObject({ workers: 32 });
    expect(view()?.paused).toBeUndefined();
  });

  test('pauses a kind at once: no round begins, the queue says why, and it goes on when the pause is taken back', async () => {
    await declare({ kinds: [{ name: 'Zone', paused: true }] });
    await eventually(() => view()?.paused === 'paused by ControllerConfig default', 'paused');
    await room.make('a');
    await eventually(() => view()?.depth === 1, 'it waits in the queue');
    await room.pause(50);
    expect(rounds).toEqual([]);
    await declare({ kinds: [{ name: 'Zone' }] });
    await eventually(() => rounds.includes('a'), 'the round');
    await settled(started, 1);
  });

  test('pauses a shard, and one that is deleted pauses nothing any more', async () => {
    await declare({ shards: [{ name: 'elsewhere', paused: true }] });
    await room.make('a');
    await settled(started, 1);
    await declare({ shards: [{ name: 'global', paused: true }] });
    await eventually(() => view()?.paused !== undefined, 'paused');
    await room.make('b');
    await room.pause(50);
    expect(rounds).not.toContain('b');
    await room.bench.ask('DELETE', `${CONFIGS}/default`);
    await eventually(() => rounds.includes('b'), 'the round');
  });

  test('changes workers and rate while the queue works', async () => {
    await declare({ kinds: [{ name: 'Zone', workers: 3, rate: 50 }] });
    await eventually(() => view()?.workers === 3 && view()?.rate === 50, 'it works so');
    await declare({ kinds: [] });
    await eventually(() => view()?.workers === 32 && view()?.rate === undefined, 'it works as by default');
  });

  test.each([
    ['another name', config({}, 'other'), 'the only ControllerConfig is called default'],
    ['no workers', config({ kinds: [{ name: 'Zone', workers: 0 }] }), 'spec.kinds[0].workers'],
    ['a rate of nothing', config({ kinds: [{ name: 'Zone', rate: 0 }] }), 'spec.kinds[0].rate'],
    ['a kind that nobody controls', config({ kinds: [{ name: 'Zoen' }] }), 'spec.kinds[0].name'],
    ['a kind twice', config({ kinds: [{ name: 'Zone' }, { name: 'Zone', paused: true }] }), 'spec.kinds[1]'],
    ['a pause that is a word', config({ shards: [{ name: 'z1', paused: 'yes' }] }), 'spec.shards[0].paused'],
  ])('with %s is refused, and the answer says where', async (_what, object, where) => {
    const { status, body } = await room.bench.ask('POST', CONFIGS, { body: object });
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain(where);
  });
});

test('a queue is shown with what it holds, what waits and why, and when it is tried next', async () => {
  const board = createBoard();
  const hide = board.show({ shard: started.shard, leader: 'p1', epoch: () => 5, sinceMs: Date.parse('2026-01-01T00:00:00.5Z') });
  await room.make('a');
  await settled(started, 1);
  const [report] = board.queues();
  if (report === undefined) throw new Error('nothing is shown');
  const parked = [{ key: '/a', why: 'Host h1 does not answer: down', nextTryMs: 60_000, failures: 2 }];
  const queue = queueObject({ ...report, view: { ...report.view, parked, oldestMs: 1_234 } }, Date.parse('2026-01-01T01:00:00Z'));
  expect(queue.metadata).toMatchObject({ name: 'global.zone', creationTimestamp: '2026-01-01T00:00:00Z' });
  expect(queue.status).toMatchObject({
    shard: 'global',
    kind: 'Zone',
    leader: 'p1',
    epoch: 5,
    oldest: '1.2s',
    settled: 1,
    waiting: [{ object: 'a', why: 'Host h1 does not answer: down', nextTry: '2026-01-01T01:01:00Z', failures: 2 }],
  });
  const metrics = new Map(board.metrics().map(({ name, samples }) => [name, samples]));
  expect(metrics.get('lenticular_shard_epoch')).toEqual([{ labels: { shard: 'global', leader: 'p1' }, value: 5 }]);
  expect(metrics.get('lenticular_queue_parked')).toContainEqual({ labels: { shard: 'global', kind: 'Zone', class: 'settled' }, value: 1 });
  hide();
  expect(board.queues()).toEqual([]);
});
