import { requires } from '../prerequisites.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import type { History } from './cluster/history.ts';
import { judgeOperations } from './cluster/judge-operations.ts';
import { judgeWatches } from './cluster/judge-watches.ts';
import { randomOf, recordLoad } from './cluster/load.ts';
import { attempt } from './cluster/recorder.ts';
import { startApiServer, type ApiServer } from './cluster/server.ts';

requires('etcd')('two API servers on one etcd', () => {
  const { signal } = new AbortController();
  let etcd: TestEtcd;
  let servers: readonly ApiServer[] = [];

  beforeAll(async () => {
    etcd = await startTestEtcd();
    const store = ['--store', 'etcd', '--etcd', etcd.endpoint];
    servers = await Promise.all([startApiServer(...store), startApiServer(...store)]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.end()));
    await etcd.end();
  });

  function counted({ operations }: History, is: string): number {
    return operations.filter(({ do: verb, outcome }) => verb !== 'get' && outcome.is === is).length;
  }

  test('keep what one promises: reads and writes of each key agree with real time, and all watches tell the same', async () => {
    const transports = servers.map(({ transport }) => transport);
    const load = { transports, random: randomOf(1), keys: 20, workers: 8, writesPerSecond: 200, seconds: 6 };
    const history = await recordLoad(load, () => Promise.resolve(), signal);
    expect([...judgeWatches(history), ...judgeOperations(history)]).toEqual([]);
    expect(counted(history, 'unknown')).toBe(0);
    expect(counted(history, 'done')).toBeGreaterThan(100);
    expect(counted(history, 'refused')).toBeGreaterThan(0);
    expect(history.watches.length).toBeGreaterThan(6);
  }, 60_000);

  test('show at once what was written through the other', async () => {
    const [one, other] = servers;
    if (one === undefined || other === undefined) throw new Error('two servers are needed');
    for (let round = 0; round < 100; round += 1) {
      const key = `handed-${String(round)}`;
      const written = await attempt(one.transport, { key, do: 'create', value: key }, signal);
      const read = await attempt(other.transport, { key, do: 'get' }, signal);
      expect(read).toMatchObject({ value: key, outcome: written.outcome });
    }
  }, 30_000);
});
