import { setTimeout as delay } from 'node:timers/promises';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { Log } from '../apis/meta/log.ts';
import type { Transport } from '../apis/meta/request.ts';
import { createClient } from '../client/api-client.ts';
import type { Client } from '../client/client.ts';
import type { AnyController, Controller, Round } from '../controllers/runtime/controller.ts';
import { verdictConditions } from '../controllers/runtime/plan.ts';
import { runControllers } from '../controllers/runtime/run.ts';
import { createViews } from '../controllers/runtime/views.ts';
import { DriverError } from '../drivers/contract/driver-error.ts';
import type { DeviceHint } from '../drivers/contract/sessions.ts';
import { ADMIN, REAL_CLOCK, type Bench } from './api-bench.ts';
import { toyEndpoint } from './shard-bench.ts';

/** A log that keeps warnings and errors for the test to look at. */
export function createTestLog(): Log & { readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[] } {
  const lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  return { lines, debug: () => undefined, info: () => undefined, warn: at('warn'), error: at('error') };
}

/** A transport that a test can cut: requests fail and watches end from then on. */
export function cuttable(transport: Transport): { readonly transport: Transport; cut(): void; mend(): void } {
  let cable = new AbortController();
  return {
    cut: () => cable.abort(new ApiError('ServiceUnavailable', 'the cable is cut')),
    mend: () => (cable = new AbortController()),
    transport: (request, signal) => {
      cable.signal.throwIfAborted();
      return transport(request, AbortSignal.any([signal, cable.signal]));
    },
  };
}

/** A call that changed the toy world. */
export interface Deed {
  readonly step: ToyStep['do'];
  readonly name: string;
  readonly uid: string;
  readonly by: string;
  readonly epoch: number;
  readonly resourceVersion: string;
}

export type ToyStep = { readonly do: 'make' } | { readonly do: 'remove' };

type Call = (zone: Zone, round: Round, signal: AbortSignal) => Promise<void>;

/** Devices for Zone objects: a thing for each uid, of the generation that it was made for. */
export interface ToyWorld {
  readonly things: Map<string, { readonly name: string; readonly generation: number }>;
  readonly deeds: Deed[];
  /** Calls that are under way now, by endpoint. */
  readonly inFlight: Map<string, number>;
  /** What happens before a step has its effect, by the object's name; `*` for all. */
  readonly before: Map<string, Call>;
  /** What happens before the world is looked at. */
  readonly looking: Map<string, Call>;
}

export function createToyWorld(): ToyWorld {
  return { things: new Map(), deeds: [], inFlight: new Map(), before: new Map(), looking: new Map() };
}

interface ToyFacts {
  readonly thing: number | undefined;
  readonly refused: string | undefined;
}

const label = ({ metadata }: Zone, name: string): string | undefined => metadata.labels?.[name];

function planToy({ metadata }: Zone, { thing, refused }: ToyFacts) {
  const leaving = metadata.deletionTimestamp !== undefined;
  const settled = leaving ? thing === undefined : thing === metadata.generation;
  const reason = leaving ? 'Deleting' : settled ? 'AsDeclared' : refused === undefined ? 'HostsNotReady' : 'NoHosts';
  const conditions = verdictConditions(metadata.generation, {
    status: settled && !leaving ? ('True' as const) : ('False' as const),
    reason,
    message: refused ?? 'as the world is',
    ...(refused !== undefined && { also: 'stalled' as const }),
  });
  const steps: ToyStep[] = settled || refused !== undefined ? [] : [{ do: leaving ? 'remove' : 'make' }];
  return { status: { conditions }, finalizer: leaving && settled ? ('release' as const) : ('hold' as const), steps };
}

/** A controller of Zones in the toy world. Labels say an object's shard (else `global`) and its endpoint (else none). */
export function toyController(world: ToyWorld, identity: string): Controller<Zone, ToyFacts, ToyStep, unknown> {
  const meet = async (calls: Map<string, Call>, zone: Zone, round: Round, signal: AbortSignal): Promise<void> => {
    await (calls.get(zone.metadata.name) ?? calls.get('*'))?.(zone, round, signal);
  };
  return {
    kind: ZoneKind,
    finalizer: 'test.lenticular.dev/toy',
    triggers: [],
    shardOf: (zone) => label(zone, 'shard') ?? 'global',
    endpointOf: (zone) => toyEndpoint(label(zone, 'endpoint')),
    async observe(zone, round, signal) {
      await meet(world.looking, zone, round, signal);
      return { thing: world.things.get(zone.metadata.uid)?.generation, refused: round.refused?.reason };
    },
    plan: planToy,
    async take(step, zone, round, signal) {
      const { uid, name, generation, resourceVersion } = zone.metadata;
      const endpoint = label(zone, 'endpoint') ?? '';
      world.inFlight.set(endpoint, (world.inFlight.get(endpoint) ?? 0) + 1);
      try {
        await meet(world.before, zone, round, signal);
        world.deeds.push({ step: step.do, name, uid, by: identity, epoch: round.authority.epoch, resourceVersion });
        if (step.do === 'make') world.things.set(uid, { name, generation });
        else world.things.delete(uid);
      } finally {
        world.inFlight.set(endpoint, (world.inFlight.get(endpoint) ?? 1) - 1);
      }
    },
  };
}

/** A call that does not come back before its signal aborts. */
export const hang: Call = (_zone, _round, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

/** A call that fails with a DriverError. */
export function failing(...what: ConstructorParameters<typeof DriverError>): Call {
  return () => Promise.reject(new DriverError(...what));
}

/** A `cloudd controllers` in miniature. */
export interface ToyProcess {
  readonly identity: string;
  readonly client: Client;
  readonly log: ReturnType<typeof createTestLog>;
  /** Sends a hint; both empty: look at everything. */
  hint(hint?: Partial<DeviceHint>): void;
  cut(): void;
  mend(): void;
  /** Ends it as Ctrl-C does. */
  stop(): Promise<void>;
}

export interface ToyProcessOptions {
  readonly leaseMs?: number;
  readonly clock?: Clock;
  readonly shards?: readonly string[];
  readonly controllers?: readonly AnyController[];
}

/** Starts controllers of the toy world on an API in this process. */
export function startToy(bench: Bench, world: ToyWorld, identity: string, options: ToyProcessOptions = {}): ToyProcess {
  const { leaseMs = 1_500, clock = REAL_CLOCK, shards = [] } = options;
  const ending = new AbortController();
  const signal = ending.signal;
  const cable = cuttable(bench.api.handle);
  const client = createClient({ transport: cable.transport, caller: ADMIN, userAgent: identity });
  const log = createTestLog();
  const base = { clock, random: Math.random, log };
  const hints: DeviceHint[] = [];
  let wake = (): void => undefined;
  async function* hinted(stop: AbortSignal): AsyncIterable<DeviceHint> {
    stop.addEventListener('abort', () => wake());
    while (!stop.aborted) {
      const next = hints.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  async function* shardNames(stop: AbortSignal): AsyncIterable<readonly string[]> {
    yield shards;
    await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
  }
  const controllers = options.controllers ?? ([toyController(world, identity)] as readonly unknown[] as readonly AnyController[]);
  const running = runControllers(
    { ...base, client, views: createViews(client, base, signal), identity, controllers, leaseMs, hints: hinted, shards: shardNames },
    signal,
  );
  running.catch(() => undefined); // Looked at by stop.
  return {
    identity,
    client,
    log,
    hint({ endpointUid = '', uid = '' } = {}) {
      hints.push({ endpointUid, uid });
      wake();
    },
    cut: cable.cut,
    mend: cable.mend,
    async stop() {
      ending.abort(new Error('stopped by the test'));
      await running.catch((error: unknown) => {
        if (error !== ending.signal.reason) throw error;
      });
    },
  };
}

/** Resolves with the first value that is not undefined and not false; rejects, naming `what`, after 10 s. */
export async function soon<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within 10 s`);
    await delay(10);
  }
}
