import type { Lease } from '../../apis/coordination/v1/lease/kind.ts';
import type { Client } from '../../client/client.ts';
import type { Board, QueueReport } from '../../controllers/runtime/board.ts';
import { createQueue, QUEUE_DEFAULTS } from '../../controllers/runtime/queue.ts';
import { newAuthority } from '../../server/http/certificates.ts';
import { systemClock } from '../clock.ts';
import { endpointToken, ENDPOINT, ENDPOINT_CA, serveEndpoint } from './endpoint.ts';
import { createLog } from './log.ts';
import { queueObject } from './queues.ts';
import { lastLed, remoteQueues } from './remote-queues.ts';

const TOKEN = endpointToken('the token that controllers have for the API');

function report(shard: string, leader: string, epoch: number): QueueReport {
  return { shard, kind: 'VirtualMachine', leader, epoch, sinceMs: 0, view: createQueue(systemClock(), QUEUE_DEFAULTS).view() };
}

let ending: AbortController;

beforeEach(() => {
  ending = new AbortController();
});

afterEach(() => {
  ending.abort(new Error('the test ends it'));
});

/** What the Lease of a process says that leads this; with the number of times that it was asked. */
async function serve(reports: readonly QueueReport[]): Promise<{ said: Readonly<Record<string, string>>; asked: () => number }> {
  let asked = 0;
  const board: Board = {
    show: () => () => undefined,
    queues() {
      asked += 1;
      return reports;
    },
    metrics: () => [],
  };
  const log = createLog({ level: 'silent' });
  const said = await serveEndpoint({ board, token: TOKEN, host: '127.0.0.1', port: 0, log }, ending.signal);
  return { said, asked: () => asked };
}

function leasesOf(...all: readonly Readonly<Record<string, string>>[]): Client {
  const items = all.map(
    (annotations, at) => ({ metadata: { annotations }, spec: { holderIdentity: `c-${String(at)}` } }) as unknown as Lease,
  );
  return { list: () => Promise.resolve({ items, resourceVersion: '1' }) } as unknown as Client;
}

const askAll = (client: Client, token = TOKEN) => remoteQueues(client, token, ending.signal);

describe('Processes of controllers', () => {
  test('are asked what they lead, zones with the longest of names among it', async () => {
    const { said } = await serve([report('z'.repeat(253), 'c-0', 3), report('global', 'c-0', 1)]);
    const { objects, warnings } = await askAll(leasesOf(said));
    expect(warnings).toEqual([]);
    expect(objects.map(({ status }) => status.shard)).toEqual(['z'.repeat(253), 'global']);
  });

  test('are believed only by the authority that their Lease names, and are not asked where it names none', async () => {
    const { said, asked } = await serve([report('global', 'c-0', 1)]);
    const other = newAuthority(Date.now()).cert;
    const doubted = await askAll(leasesOf({ ...said, [ENDPOINT_CA]: other }));
    expect(doubted).toMatchObject({
      objects: [],
      warnings: [expect.stringMatching(/^the controllers c-0 at 127\.0\.0\.1:\d+ cannot be asked/)],
    });
    for (const ca of ['', undefined]) {
      const { [ENDPOINT_CA]: _ca, ...rest } = said;
      expect(await askAll(leasesOf(ca === undefined ? rest : { ...rest, [ENDPOINT_CA]: ca }))).toEqual({ objects: [], warnings: [] });
    }
    expect(await askAll(leasesOf({ ...said, [ENDPOINT]: (said[ENDPOINT] ?? '').replace('https', 'http') }))).toEqual({
      objects: [],
      warnings: [],
    });
    expect(asked()).toBe(0);
  });

  test('tell nothing to whoever has another token', async () => {
    const { said, asked } = await serve([report('global', 'c-0', 1)]);
    const { objects, warnings } = await askAll(leasesOf(said), endpointToken('another'));
    expect([objects, warnings[0]]).toEqual([[], expect.stringContaining('it answers 401')]);
    expect(asked()).toBe(0);
  });

  test('lead each queue once, whoever has not heard yet that it leads it no more', () => {
    const queues = [report('z-1', 'old', 4), report('z-1', 'new', 5), report('z-2', 'old', 1)].map((one) => queueObject(one, 0));
    const leaders = (all: typeof queues) =>
      lastLed(all)
        .map(({ status }) => `${status.shard} ${status.leader}`)
        .sort();
    expect(leaders(queues)).toEqual(['z-1 new', 'z-2 old']);
    expect(leaders([...queues].reverse())).toEqual(['z-1 new', 'z-2 old']);
  });
});
