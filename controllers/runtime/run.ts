import type { Clock } from '../../apis/meta/clock.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { Client } from '../../client/client.ts';
import { installationOf, SYSTEM_NAMESPACE } from '../../client/installation.ts';
import { elect, type Leadership } from '../../client/lease.ts';
import { createRecorder } from '../../client/recorder.ts';
import type { DeviceHint } from '../../drivers/contract/sessions.ts';
import type { AnyController, Authority, Views } from './controller.ts';
import { createShard, type Shard } from './shard.ts';

export interface ControllersOptions {
  readonly client: Client;
  readonly views: Views;
  readonly clock: Clock;
  /** 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** Unique to this process. */
  readonly identity: string;
  readonly controllers: readonly AnyController[];
  /** Names of the shards that there are now, and again whenever that changes; `global` is always one. */
  readonly shards: (signal: AbortSignal) => AsyncIterable<readonly string[]>;
  readonly hints: (signal: AbortSignal) => AsyncIterable<DeviceHint>;
  readonly leaseMs: number;
  /** Whether a holder of a Lease is known to be dead. */
  readonly isDead?: (holder: string) => boolean;
}

/** For objects that have no zone. */
export const GLOBAL_SHARD = 'global';

/** Leads shards, and works on the objects of those that it leads, until the signal aborts. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  try {
    await leadShards(options, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function leadShards(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { views, controllers } = options;
  const recorder = createRecorder({ ...options, component: 'lenticular-controllers', instance: options.identity });
  await Promise.all(
    controllers
      .flatMap(({ kind, triggers }) => [kind, ...triggers.map((trigger) => trigger.kind)])
      .map((kind) => views.of(kind).synced(signal)),
  );
  const installation = await installationOf(options, signal);
  const led = new Set<Shard>();
  const lead = async (name: string, leadership: Leadership): Promise<void> => {
    const authority = (): Authority => ({ ...installation, shard: name, epoch: leadership.epoch() });
    const shard = createShard({ ...options, recorder, name, authority, check: leadership.check, raise: leadership.raise });
    led.add(shard);
    try {
      await shard.run(leadership.signal);
    } finally {
      led.delete(shard);
    }
  };
  await together([(stop) => recorder.run(stop), (stop) => electAll(options, lead, stop), (stop) => forward(options, led, stop)], signal);
}

/** Runs loops until all have ended; where one fails, the others are told to end, so that what is led is handed back. */
async function together(loops: readonly ((signal: AbortSignal) => Promise<void>)[], signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const ended = await Promise.allSettled(
    loops.map((loop) =>
      loop(both).catch((error: unknown) => {
        ending.abort(error);
        throw error;
      }),
    ),
  );
  const failure = ended.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Takes part in the election of each shard for as long as there is one of that name. */
async function electAll(
  options: ControllersOptions,
  lead: (name: string, leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Map<string, AbortController>();
  /** Elections that may not have ended yet: a shard that comes back waits for its own end. */
  const ended = new Map<string, Promise<void>>();
  try {
    for await (const shards of options.shards(signal)) {
      const wanted = new Set([GLOBAL_SHARD, ...shards]);
      for (const [name, stop] of running) {
        if (wanted.has(name)) continue;
        stop.abort(new Error(`there is no shard ${name} any more`));
        running.delete(name);
      }
      for (const name of wanted) {
        if (running.has(name)) continue;
        const stop = new AbortController();
        const both = AbortSignal.any([signal, stop.signal]);
        const election = { ...options, namespace: SYSTEM_NAMESPACE, name: `shard-${name}`, durationMs: options.leaseMs };
        const before = ended.get(name) ?? Promise.resolve();
        running.set(name, stop);
        ended.set(
          name,
          before.then(() => elect(election, (leadership) => lead(name, leadership), both)),
        );
      }
    }
  } finally {
    for (const stop of running.values()) stop.abort(new Error('the shards are not known any more'));
    await Promise.all(ended.values());
  }
}

/** Passes the drivers' hints on to the shards that are led. */
async function forward(options: ControllersOptions, led: ReadonlySet<Shard>, signal: AbortSignal): Promise<void> {
  for await (const hint of options.hints(signal)) for (const shard of led) shard.hear(hint);
}
