import { ADMIN } from '../api-bench.ts';
import { requires } from '../prerequisites.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { unionOf, type Change } from './cluster/history.ts';
import { randomOf, recordLoad, type Disturb } from './cluster/load.ts';
import { startApiServer, type ApiServer } from './cluster/server.ts';
import { allReached, compactEverySecond, resumeAnywhere, startFollower, type Follower } from './cluster/watchers.ts';

const FOLLOWERS = 100;

requires('etcd')('a hundred watchers of one API server', () => {
  const stop = new AbortController();
  const random = randomOf(3);
  let etcd: TestEtcd;
  let server: ApiServer;
  let changes: readonly Change[] = [];
  let followers: readonly Follower[] = [];

  beforeAll(async () => {
    etcd = await startTestEtcd();
    server = await startApiServer('--store', 'etcd', '--etcd', etcd.endpoint);
    followers = Array.from({ length: FOLLOWERS }, () => startFollower(server.transport, stop.signal));
  }, 60_000);

  afterAll(async () => {
    stop.abort();
    await Promise.all(followers.map(({ ended }) => ended));
    await server.end();
    await etcd.end();
  });

  function agree(): void {
    expect(new Set(followers.map((follower) => follower.digest())).size).toBe(1);
    expect(followers.flatMap(({ faults }) => faults)).toEqual([]);
  }

  test('hold the same at the end though history is compacted every second, and a watch resumes at any version', async () => {
    const load = { transports: [server.transport], random, keys: 20, workers: 4, writesPerSecond: 50, seconds: 5 };
    let compactions = 0;
    const disturb: Disturb = async (_, until) => {
      compactions = await compactEverySecond(etcd.endpoint, until);
    };
    const history = await recordLoad(load, disturb, stop.signal);
    changes = unionOf(history.watches);
    const resumes = await resumeAnywhere(server.transport, changes, { count: 100, random }, stop.signal);
    expect(resumes).toEqual({ exact: 100, expired: 0, wrong: [] });
    await allReached(server.transport, followers, stop.signal);
    agree();
    expect(compactions).toBeGreaterThan(2);
    expect(changes.length).toBeGreaterThan(50);
  }, 60_000);

  test('can learn from its health which etcd it is on, and that its watch is up to date', async () => {
    const query = [['verbose', '']] as const;
    const answer = await server.transport({ method: 'GET', path: '/readyz', query, headers: {}, caller: ADMIN }, stop.signal);
    const lines = 'body' in answer ? String(answer.body).split('\n') : [];
    expect(lines.slice(0, 3)).toEqual(['[+]store ok', '[+]watch-cache ok', '[+]watch ok']);
    expect(lines.slice(3, 5)).toEqual([
      expect.stringMatching(/^info: the store is etcd \d+\.\d+\.\d+.*, .*defects/),
      'info: the watch cache was found to differ from it 0 times',
    ]);
  });

  test('go on when the server is killed and started again, which tells what it did not see itself', async () => {
    const load = { transports: [server.transport], random, keys: 20, workers: 4, writesPerSecond: 50, seconds: 2 };
    const history = await recordLoad(load, () => Promise.resolve(), stop.signal);
    await server.kill();
    await server.start();
    const resumes = await resumeAnywhere(server.transport, unionOf(history.watches), { count: 20, random }, stop.signal);
    expect(resumes).toEqual({ exact: 20, expired: 0, wrong: [] });
    await allReached(server.transport, followers, stop.signal);
    agree();
  }, 60_000);
});
