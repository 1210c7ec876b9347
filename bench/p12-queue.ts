import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import { createRecorder } from '../client/recorder.ts';
import { createClient } from '../client/api-client.ts';
import type { Client, NewObject } from '../client/client.ts';
import type { AnyController } from '../controllers/runtime/controller.ts';
import { createQueue, PRIORITY } from '../controllers/runtime/queue.ts';
import { createShard } from '../controllers/runtime/shard.ts';
import { createViews } from '../controllers/runtime/views.ts';
import { ADMIN, openBench, REAL_CLOCK, zone } from '../test/api-bench.ts';
import { latencyOf } from './jobs.ts';
import { median } from './statistics.ts';
import { scaled, type OwnWorkload } from './workload.ts';

const KEYS = 1_000;
const TRIES = 50;
const OBJECTS = 100_000;
const NEW_PER_SECOND = 10;
const MAKERS = 64;
/** Everything is looked at anew until so many were made beside it. */
const SAMPLES = 200;
/** Longer than any settled object waits for its next look. */
const RESYNC_MS = 400_000;

/** Adds keys, works on each and lets it go; in milliseconds for all. */
async function queueOnce(): Promise<number> {
  const queue = createQueue(REAL_CLOCK);
  const ending = new AbortController();
  let left = KEYS;
  const beganMs = performance.now();
  const all = new Promise<void>((resolve) => {
    const work = (): Promise<{ readonly next: 'drop' }> => {
      if ((left -= 1) === 0) resolve();
      return Promise.resolve({ next: 'drop' });
    };
    for (let index = 0; index < KEYS; index += 1) queue.add(`/object-${String(index)}`, PRIORITY.change);
    void queue.run(work, ending.signal);
  });
  await all;
  const tookMs = performance.now() - beganMs;
  ending.abort();
  return tookMs;
}

/** A clock on which time can be let pass at once. */
function jumpingClock() {
  let aheadMs = 0;
  let jumped = new AbortController();
  return {
    now: () => Date.now() + aheadMs,
    monotonic: () => performance.now() + aheadMs,
    async sleep(ms: number, signal: AbortSignal): Promise<void> {
      const untilMs = performance.now() + aheadMs + ms;
      for (let leftMs = ms; leftMs >= 0; leftMs = untilMs - performance.now() - aheadMs) {
        signal.throwIfAborted();
        await REAL_CLOCK.sleep(leftMs, AbortSignal.any([signal, jumped.signal])).catch(() => undefined);
        if (untilMs - performance.now() - aheadMs <= 0) break;
      }
      signal.throwIfAborted();
    },
    jump(ms: number) {
      aheadMs += ms;
      const before = jumped;
      jumped = new AbortController();
      before.abort(new Error('time has passed'));
    },
  };
}

/** A controller that finds everything as declared, and tells which objects it looks at. */
function idleController(look: (name: string) => void): AnyController {
  return {
    kind: ZoneKind,
    finalizer: 'bench.lenticular.dev/nothing',
    triggers: [],
    shardOf: () => 'global',
    endpointOf: () => undefined,
    observe({ metadata }) {
      look(metadata.name);
      return Promise.resolve(undefined);
    },
    plan: ({ status }) => ({ status, finalizer: 'none', steps: [] }),
    take: () => Promise.resolve(),
  };
}

async function makeZones(client: Client, count: number, signal: AbortSignal): Promise<void> {
  let next = 0;
  const make = async (): Promise<void> => {
    for (let index = (next += 1); index <= count; index = next += 1) {
      await client.create(ZoneKind, zone(`old-${String(index)}`) as NewObject, signal);
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, make));
}

async function until(holds: () => boolean, signal: AbortSignal): Promise<void> {
  while (!holds()) await REAL_CLOCK.sleep(20, signal);
}

/** What has begun: rounds in all, and when the first one of each new object did. */
interface Begun {
  rounds: number;
  readonly firsts: Map<string, number>;
}

/**
 * Makes objects at a rate until so many rounds have begun; the times from when each was to be made to the beginning of its first round. That
 * the making itself is late counts: whoever asks for it waits.
 */
async function newBeside(client: Client, begun: Begun, rounds: number, prefix: string, signal: AbortSignal): Promise<readonly number[]> {
  const wanted = new Map<string, number>();
  const made: Promise<unknown>[] = [];
  const beganMs = performance.now();
  for (let index = 0; begun.rounds < rounds; index += 1) {
    const name = `${prefix}-${String(index)}`;
    const atMs = beganMs + (index * 1_000) / NEW_PER_SECOND;
    await REAL_CLOCK.sleep(Math.max(0, atMs - performance.now()), signal);
    wanted.set(name, atMs);
    made.push(client.create(ZoneKind, zone(name) as NewObject, signal));
  }
  await Promise.all(made);
  await until(() => [...wanted.keys()].every((name) => begun.firsts.has(name)), signal);
  return [...wanted].map(([name, atMs]) => (begun.firsts.get(name) ?? Number.POSITIVE_INFINITY) - atMs);
}

async function resync(objects: number): Promise<{ readonly delayP99: number; readonly perSecond: number; readonly samples: number }> {
  const bench = await openBench({ freeze: false });
  const stop = new AbortController();
  const { signal } = stop;
  const clock = jumpingClock();
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'bench' });
  const base = { client, clock, random: Math.random, log };
  await makeZones(client, objects, signal);
  const views = createViews(client, base, signal);
  await views.of(ZoneKind).synced(signal);
  const begun: Begun = { rounds: 0, firsts: new Map() };
  const look = (name: string): void => {
    begun.rounds += 1;
    if (name.startsWith('new-') && !begun.firsts.has(name)) begun.firsts.set(name, performance.now());
  };
  const authority = { installation: 'bench', incarnation: 1, shard: 'global', epoch: 1 };
  const shard = createShard({
    ...base,
    name: 'global',
    views,
    recorder: createRecorder({ ...base, component: 'bench', instance: 'bench' }),
    controllers: [idleController(look)],
    authority: () => authority,
    check: () => undefined,
    raise: () => Promise.resolve(),
    // All of it at once, and not at the rate that so many objects have.
    resync: { meanMs: () => RESYNC_MS * 0.75, include: () => () => undefined },
  });
  const running = shard.run(signal);
  const delays: number[] = [];
  let rounds = 0;
  let seconds = 0;
  for (let pass = 1; delays.length < Math.min(SAMPLES, objects / 500); pass += 1) {
    await until(() => shard.view().Zone?.settled === objects + delays.length, signal);
    begun.rounds = 0;
    clock.jump(RESYNC_MS);
    const beganMs = performance.now();
    delays.push(...(await newBeside(client, begun, objects, `new-${String(pass)}`, signal)));
    seconds += (performance.now() - beganMs) / 1_000;
    rounds += begun.rounds;
  }
  stop.abort(new Error('measured'));
  await running;
  await bench.close();
  return { delayP99: latencyOf(delays).p99, perSecond: rounds / seconds, samples: delays.length };
}

/** P12: the queue alone, and new objects beside a resync of everything. */
export const QUEUE: OwnWorkload = {
  id: 'P12',
  title: 'queue, and 10 new objects a second beside a resync of 100k',
  on: 'own',
  rounds: 3,
  targets: [
    { says: 'add, get and done of 1,000 <= 2 ms', figure: 'queueMs', of: 'absolute', atMost: 2 },
    { says: 'p99 from a new object to its first round <= 50 ms', figure: 'delayP99', of: 'absolute', atMost: 50 },
  ],
  async run(_folder, { scale }) {
    const times: number[] = [];
    for (let index = 0; index < TRIES; index += 1) times.push(await queueOnce());
    return { queueMs: median(times), ...(await resync(scaled(OBJECTS, scale, 1_000))) };
  },
};
