import { setTimeout as delay } from 'node:timers/promises';
import { openConnection, requestBytes, type Connection } from './connection.ts';
import { latencyOf, type ClosedJob, type Job, type Outcome, type RateJob } from './jobs.ts';
import { requestsOf } from './requests.ts';
import { openWatchers, type Watchers } from './watchers.ts';

// The load generator: a process of its own, which `generator.ts` starts and sends jobs.

/** What has been counted so far. */
interface Tally {
  readonly times: number[];
  requests: number;
  errors: number;
  firstError: string;
  bytes: number;
}

const newTally = (): Tally => ({ times: [], requests: 0, errors: 0, firstError: '', bytes: 0 });

async function askOne(connection: Connection, request: Buffer, keep: boolean, tally: Tally): Promise<string> {
  const start = performance.now();
  const { status, bytes, body } = await connection.ask(request, keep);
  tally.times.push(performance.now() - start);
  tally.requests += 1;
  tally.bytes += bytes;
  if (status >= 300) {
    tally.errors += 1;
    if (tally.firstError === '')
      tally.firstError = `${status} to ${request.toString('latin1', 0, request.indexOf('\r\n'))} ${body.slice(0, 300)}`;
  }
  return body;
}

function outcomeOf(tally: Tally, milliseconds: number): Outcome {
  const { times, ...counted } = tally;
  return { ...counted, seconds: milliseconds / 1_000, latency: latencyOf(times) };
}

async function openAll(job: Job, count: number): Promise<readonly Connection[]> {
  const open: Connection[] = [];
  // A few at a time: a thousand handshakes at once overflow the server's queue of connections.
  while (open.length < count) {
    const some = Math.min(16, count - open.length);
    open.push(...(await Promise.all(Array.from({ length: some }, () => openConnection(job.target)))));
  }
  return open;
}

async function closedLoop(job: ClosedJob): Promise<Outcome> {
  const { clients, count = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = job;
  const requests = requestsOf(job.target, job.shape, clients);
  const connections = await openAll(job, clients);
  const tally = newTally();
  let number = 0;
  const preparation = newTally();
  for (const [client, connection] of connections.entries()) {
    for (let each = 0; each < (requests.unmeasured ?? 0); each += 1)
      requests.read?.(await askOne(connection, requests.next(0, client), true, preparation), client);
  }
  const start = performance.now();
  const until = start + seconds * 1_000;
  await Promise.all(
    connections.map(async (connection, client) => {
      while (number < count && performance.now() < until) {
        const body = await askOne(connection, requests.next(number++, client), requests.read !== undefined, tally);
        requests.read?.(body, client);
      }
    }),
  );
  const took = performance.now() - start;
  for (const connection of connections) connection.close();
  return outcomeOf(tally, took);
}

/** Sends what is due every few milliseconds, each on a free connection; what finds none waits and is late, as its latency tells. */
async function writeAtRate(job: RateJob, connections: readonly Connection[], watchers: Watchers | undefined, tally: Tally): Promise<void> {
  const total = Math.round(job.perSecond * job.seconds);
  const requests = requestsOf(job.target, job.shape, connections.length);
  const start = performance.now();
  let number = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (number < total) {
        const mine = number++;
        const wait = start + (mine * 1_000) / job.perSecond - performance.now();
        if (wait > 0) await delay(wait);
        await askOne(connection, requests.next(mine, 0), false, tally);
        watchers?.acknowledged(mine);
      }
    }),
  );
}

/** The last events may be late; when none has come for so long, no more will. */
const SILENT_MS = 3_000;

async function settled(watchers: Watchers): Promise<void> {
  for (let before = -1, now = watchers.delivered(); now !== before && now < watchers.expected; now = watchers.delivered()) {
    before = now;
    await delay(SILENT_MS);
  }
}

/** Until then a watch tells of what was there before it. */
const QUIET_MS = 300;

async function begun(watchers: Watchers): Promise<void> {
  for (let before = -1, now = watchers.bytes(); now !== before; now = watchers.bytes()) {
    before = now;
    await delay(QUIET_MS);
  }
}

/** Changes without a number: whoever reads does not count them. */
async function fill({ target, shape }: RateJob, count: number): Promise<void> {
  if (shape.verb !== 'patch-sequence') throw new Error(`stalled watchers are not filled by ${shape.verb}`);
  const { namespace, objects } = shape;
  await closedLoop({ kind: 'closed', target, shape: { verb: 'patch-status', namespace, objects }, clients: 16, count });
}

async function atRate(job: RateJob): Promise<Outcome> {
  const { path, watchers: healthy, stalled, filling } = job.watch ?? { path: '', watchers: 0, stalled: 0, filling: 0 };
  const watching = await openAll(job, healthy);
  const hanging = await openAll(job, stalled);
  const connections = await openAll(job, job.connections);
  const request = requestBytes(job.target, 'GET', path);
  const total = Math.round(job.perSecond * job.seconds);
  const watchers = job.watch === undefined ? undefined : await openWatchers(watching, request, total);
  for (const connection of hanging) {
    await connection.stream(request, () => undefined);
    connection.stall();
  }
  if (watchers !== undefined) {
    await begun(watchers);
    if (filling > 0) await fill(job, filling);
    await begun(watchers);
  }
  const tally = newTally();
  const start = performance.now();
  await writeAtRate(job, connections, watchers, tally);
  const took = performance.now() - start;
  if (watchers !== undefined) await settled(watchers);
  const stalledClosed = hanging.filter((connection) => connection.closed()).length;
  const events = watchers === undefined ? {} : { events: { ...watchers.result(), stalledClosed } };
  for (const connection of [...connections, ...watching, ...hanging]) connection.close();
  return { ...outcomeOf(tally, took), ...events };
}

process.on('message', ({ id, job }: { readonly id: number; readonly job: Job }) => {
  (job.kind === 'closed' ? closedLoop(job) : atRate(job)).then(
    (outcome) => process.send?.({ id, outcome }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
