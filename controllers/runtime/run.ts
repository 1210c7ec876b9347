import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo } from '../../apis/meta/linked.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { Client } from '../../client/client.ts';
import { installationOf, SYSTEM_NAMESPACE } from '../../client/installation.ts';
import type { Leadership } from '../../client/lease.ts';
import { createRecorder } from '../../client/recorder.ts';
import { reflect } from '../../client/reflector.ts';
import type { DeviceHint } from '../../drivers/contract/sessions.ts';
import type { Board } from './board.ts';
import type { AnyController, Authority, Views } from './controller.ts';
import { createGate } from './gate.ts';
import { createMembers } from './members.ts';
import { createResync } from './resync.ts';
import type { Settings } from './settings.ts';
import { createShard, type Shard } from './shard.ts';
import { leadShards } from './shards.ts';

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
  /** How people want queues to work. */
  readonly settings?: Settings;
  /** Shows what is led. */
  readonly board?: Board;
  /** What this process says of itself, on the Lease that it keeps for as long as it lives. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Leads shards, and works on the objects of those that it leads, until the signal aborts. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  try {
    await runAll(options, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function runAll(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { views, controllers, client, clock } = options;
  const recorder = createRecorder({ ...options, component: 'lenticular-controllers', instance: options.identity });
  const leases = reflect<Lease>(client, LeaseKind, { ...options, namespace: SYSTEM_NAMESPACE }, signal);
  await Promise.all([
    leases.synced(signal),
    ...controllers
      .flatMap(({ kind, triggers }) => [kind, ...triggers.map((trigger) => trigger.kind)])
      .map((kind) => views.of(kind).synced(signal)),
  ]);
  const installation = await installationOf(options, signal);
  const led = new Set<Shard>();
  const [drivers, resync] = [createGate(), createResync()];
  const lead = async (name: string, leadership: Leadership): Promise<void> => {
    const authority = (): Authority => ({ ...installation, shard: name, epoch: leadership.epoch() });
    const shard = createShard({ ...options, recorder, name, authority, drivers, resync, check: leadership.check, raise: leadership.raise });
    led.add(shard);
    const hide = options.board?.show({ shard, leader: options.identity, epoch: () => leadership.epoch(), sinceMs: clock.now() });
    try {
      await shard.run(leadership.signal);
    } finally {
      led.delete(shard);
      hide?.();
    }
  };
  const members = createMembers({ ...options, leases });
  const shards = { ...options, leases, members, lead };
  const loops = [
    (stop: AbortSignal) => recorder.run(stop),
    (stop: AbortSignal) => members.run(stop),
    (stop: AbortSignal) => leadShards(shards, stop),
    (stop: AbortSignal) => forward(options, led, stop),
  ];
  await together(loops, signal);
}

/** Runs loops until all have ended; where one fails, the others are told to end, so that what is led is handed back. */
async function together(loops: readonly ((signal: AbortSignal) => Promise<void>)[], signal: AbortSignal): Promise<void> {
  const ending = linkedTo(signal);
  const ended = await Promise.allSettled(
    loops.map((loop) =>
      loop(ending.signal).catch((error: unknown) => {
        ending.abort(error);
        throw error;
      }),
    ),
  );
  ending.unlink();
  const failure = ended.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Passes the drivers' hints on to the shards that are led. */
async function forward(options: ControllersOptions, led: ReadonlySet<Shard>, signal: AbortSignal): Promise<void> {
  for await (const hint of options.hints(signal)) for (const shard of led) shard.hear(hint);
}
