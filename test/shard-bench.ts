import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { Client, NewObject } from '../client/client.ts';
import { createRecorder } from '../client/recorder.ts';
import type { AnyController } from '../controllers/runtime/controller.ts';
import type { Plan } from '../controllers/runtime/plan.ts';
import { createShard, type Shard } from '../controllers/runtime/shard.ts';
import type { Resync } from '../controllers/runtime/resync.ts';
import type { Settings } from '../controllers/runtime/settings.ts';
import type { Endpoint } from '../controllers/runtime/switchboard.ts';
import { createViews } from '../controllers/runtime/views.ts';
import { REAL_CLOCK, zone } from './api-bench.ts';
import { eventually, keptLog, openClientBench, watchRejections, type ClientBench } from './client-bench.ts';

/** The finalizer of the toy controller. */
export const FINALIZER = 'infra.lenticular.dev/toy';

type Step = { readonly do: string };

/** What a test says of its toy controller; the rest does nothing. */
export type Toy = Partial<Pick<AnyController, 'observe' | 'take' | 'triggers'>> & {
  readonly plan?: (object: ApiObject, facts: unknown) => Partial<Plan<Step, unknown>> & { readonly reason?: string };
};

export const labelOf = ({ metadata }: ApiObject, name: string): string | undefined => metadata.labels?.[name];

/** A device that a toy says it talks to. */
export function toyEndpoint(uid: string | undefined): Endpoint | undefined {
  return uid === undefined ? undefined : { uid, label: `Host ${uid}`, limits: { inFlight: 8, perOperation: 4 } };
}

/** A controller of zones whose shard and endpoint are labels, and whose planner is the test's. */
export function toy({ plan = () => ({}), observe, take, triggers = [] }: Toy): AnyController {
  return {
    kind: ZoneKind,
    finalizer: FINALIZER,
    triggers,
    shardOf: (object) => labelOf(object, 'shard') ?? 'global',
    endpointOf: (object) => toyEndpoint(labelOf(object, 'endpoint')),
    observe: observe ?? (() => Promise.resolve(undefined)),
    plan(object, facts) {
      const { reason = 'AsDeclared', ...rest } = plan(object, facts);
      const status = { conditions: [{ type: 'Ready', status: 'True' as const, reason, message: 'toy' }] };
      return { status, finalizer: 'none', steps: [], ...rest };
    },
    take: take ?? (() => Promise.resolve()),
  };
}

export interface Started {
  readonly shard: Shard;
  readonly log: ReturnType<typeof keptLog>;
  /** What the epoch was to be raised above. */
  readonly raised: number[];
  readonly ended: Promise<void>;
}

export interface Starting {
  readonly name?: string;
  readonly client?: Client;
  readonly check?: () => void;
  readonly signal?: AbortSignal;
  readonly epoch?: number;
  readonly clock?: Clock;
  readonly settings?: Settings;
  readonly resync?: Resync;
}

/** Shards of toy controllers on a real API in memory. */
export interface ShardBench {
  readonly bench: ClientBench;
  start(controller: AnyController, starting?: Starting): Promise<Started>;
  make(name: string, labels?: Readonly<Record<string, string>>): Promise<ApiObject>;
  get(name: string): Promise<Zone | undefined>;
  label(name: string, labels: Readonly<Record<string, string>>): Promise<ApiObject>;
  /** Changes the spec. */
  declare(name: string): Promise<ApiObject>;
  reasonOf(name: string): Promise<string | undefined>;
  messageOf(name: string): Promise<string | undefined>;
  pause(ms: number): Promise<void>;
  /** Ends everything, and rejects where a rejection was not handled. */
  close(): Promise<void>;
}

/** Resolves when `count` objects are parked and none is ready or worked on. */
export function settled({ shard }: Started, count: number): Promise<void> {
  return eventually(
    () => {
      const { parkedCount = 0, settled: quiet = 0, depth = 0 } = shard.view().Zone ?? {};
      return parkedCount + quiet === count && depth === 0;
    },
    `${String(count)} settled`,
  );
}

export async function openShardBench(): Promise<ShardBench> {
  const bench = await openClientBench();
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  const rejections = watchRejections();
  const get = (name: string): Promise<Zone | undefined> => bench.client.get<Zone>(ZoneKind, { name }, bench.signal);

  async function start(controller: AnyController, starting: Starting = {}): Promise<Started> {
    const {
      name = 'global',
      client = bench.client,
      check = () => undefined,
      signal = stop.signal,
      epoch = 7,
      clock = REAL_CLOCK,
      settings,
      resync,
    } = starting;
    const log = keptLog();
    const base = { client, clock, random: () => 0.5, log };
    const views = createViews(client, base, stop.signal);
    for (const { kind } of [controller, ...controller.triggers]) await views.of(kind).synced(signal);
    const recorder = createRecorder({ ...base, component: 'toy', instance: name });
    const raised: number[] = [];
    const shard = createShard({
      ...base,
      name,
      views,
      recorder,
      controllers: [controller],
      authority: () => ({ installation: 'i', incarnation: 1, shard: name, epoch: Math.max(epoch, ...raised.map((above) => above + 1)) }),
      check,
      ...(settings && { settings }),
      ...(resync && { resync }),
      raise(above) {
        raised.push(above);
        return Promise.resolve();
      },
    });
    const ended = shard.run(signal);
    running.push(
      ended.catch(() => undefined),
      recorder.run(stop.signal),
    );
    return { shard, log, raised, ended };
  }

  return {
    bench,
    start,
    get,
    make: (name, labels = {}) => bench.client.create(ZoneKind, zone(name, { metadata: { name, labels } }) as NewObject, bench.signal),
    label: (name, labels) => bench.client.patch(ZoneKind, { name }, { metadata: { labels } }, bench.signal),
    declare: (name) => bench.client.patch(ZoneKind, { name }, { spec: { allocation: 'Cordoned' } }, bench.signal),
    reasonOf: async (name) => (await get(name))?.status.conditions[0]?.reason,
    messageOf: async (name) => (await get(name))?.status.conditions[0]?.message,
    pause: (ms) => REAL_CLOCK.sleep(ms, bench.signal),
    async close() {
      stop.abort(new Error('the test has ended'));
      await Promise.all(running);
      await bench.close();
      rejections.end();
      if (rejections.seen.length > 0) throw new AggregateError(rejections.seen, 'rejections that nobody handled');
    },
  };
}
