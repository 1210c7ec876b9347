import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CATALOG } from '../apis/catalog.ts';
import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { NamespaceKind } from '../apis/core/v1/namespace/kind.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { KindDefinition } from '../apis/meta/kind.ts';
import { apiVersionOf } from '../apis/meta/kind.ts';
import type { Log } from '../apis/meta/log.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { createClient } from '../client/api-client.ts';
import type { Client } from '../client/client.ts';
import { allControllers } from '../controllers/all.ts';
import type { Views } from '../controllers/runtime/controller.ts';
import { runControllers } from '../controllers/runtime/run.ts';
import { createViews } from '../controllers/runtime/views.ts';
import { plugDriver } from '../drivers/dial/plug.ts';
import { createSessions } from '../drivers/dial/sessions.ts';
import { createSimDriver } from '../drivers/sim/driver.ts';
import { openSqliteStore } from '../server/store/sqlite.ts';
import { createApi } from '../server/verbs/handle.ts';

/** Which controllers run. */
export type Crew = 'all' | 'virtual machines';

/** The API over a store in a file, controllers, and the simulated data centre, all in this process, as `cloudd up` has them. */
export interface Cloud {
  readonly client: Client;
  readonly views: Views;
  readonly signal: AbortSignal;
  create(kind: KindDefinition, name: string, spec: object, namespace?: string): Promise<ApiObject>;
  /** Starts controllers; returns how to stop them. */
  start(crew: Crew): () => Promise<void>;
  close(): Promise<void>;
}

/** The zone whose shard is led. */
export const ZONE = 'zone-1';

const CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};
const QUIET: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const CALLER = { name: 'bench', groups: ['system:masters', 'system:authenticated'] };

/** Opens an empty one, with its store below `folder`. */
export async function openCloud(folder: string): Promise<Cloud> {
  const stop = new AbortController();
  const { signal } = stop;
  const store = await openSqliteStore({ file: join(folder, 'lenticular.db') }, signal);
  let suffixes = 0;
  const newSuffix = (): string => String((suffixes += 1)).padStart(5, '0');
  const api = createApi({ store, catalog: CATALOG, clock: CLOCK, newUid: randomUUID, newSuffix });
  const running = api.run(signal);
  const client = createClient({ transport: api.handle, caller: CALLER, userAgent: 'bench' });
  const sim = createSimDriver({ worldFile: ':memory:', clock: CLOCK, version: '0' });
  const views = createViews(client, { clock: CLOCK, random: Math.random, log: QUIET }, signal);
  const create: Cloud['create'] = (kind, name, spec, namespace) => {
    const metadata = { name, ...(namespace !== undefined && { namespace }) };
    return client.create(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec }, signal);
  };
  for (const name of ['default', 'lenticular-system']) await create(NamespaceKind, name, {});

  function start(crew: Crew): () => Promise<void> {
    const ending = new AbortController();
    const sessions = createSessions({ clock: CLOCK, dial: (_name, _address, end) => plugDriver(sim.driver, end) });
    const options = { views, client, sessions, clock: CLOCK, identity: 'bench' };
    const controllers = allControllers(options).filter(({ kind }) => crew === 'all' || kind === VirtualMachineKind);
    async function* shards(end: AbortSignal): AsyncIterable<readonly string[]> {
      yield [ZONE];
      await CLOCK.sleep(2 ** 31 - 1, end).catch(() => undefined);
    }
    const ended = runControllers(
      {
        ...{ client, views, clock: CLOCK, random: Math.random, log: QUIET, identity: 'bench', shards, leaseMs: 15_000 },
        controllers,
        hints: (end) => sessions.hints(end),
        isDead: () => true,
      },
      ending.signal,
    );
    return async () => {
      ending.abort(new Error('the bench ends it'));
      await ended;
      await sessions.closeAll();
    };
  }

  return {
    client,
    views,
    signal,
    create,
    start,
    async close() {
      stop.abort(new Error('the bench has ended'));
      await running;
      sim.close();
      await store.close();
    },
  };
}

/** Does all, so many at once. */
export async function inParallel(count: number, work: (index: number) => Promise<unknown>, atOnce = 64): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
}
