import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Log } from '../apis/meta/log.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { createClient } from '../client/api-client.ts';
import type { Client } from '../client/client.ts';
import { allControllers, zoneShards } from '../controllers/all.ts';
import { runControllers } from '../controllers/runtime/run.ts';
import { createViews } from '../controllers/runtime/views.ts';
import { DriverError } from '../drivers/contract/driver-error.ts';
import { plugDriver } from '../drivers/dial/plug.ts';
import { createSessions } from '../drivers/dial/sessions.ts';
import { createSimDriver, type SimDriver } from '../drivers/sim/driver.ts';
import { ADMIN, openBench, REAL_CLOCK, type Bench } from './api-bench.ts';

/** A cloud in this process: the API over a store in memory, all controllers, and the simulated data centre. */
export interface CloudBench {
  readonly bench: Bench;
  readonly client: Client;
  readonly sim: SimDriver;
  /** Stops the controllers, as a crash would, and starts new ones on the same store and world. */
  restart(): Promise<void>;
  /** Resolves with the object when it fits; rejects, with what it is, after 20 s. */
  until(path: string, what: string, fits: (object: ApiObject | undefined) => boolean): Promise<ApiObject | undefined>;
  close(): Promise<void>;
}

const QUIET: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const PATIENCE_MS = 20_000;
const LOOK_MS = 10;
const LEASE_MS = 5000;

async function runAll(client: Client, sim: SimDriver, identity: string, signal: AbortSignal): Promise<void> {
  const views = createViews(client, { clock: REAL_CLOCK, random: Math.random, log: QUIET }, signal);
  const sessions = createSessions({
    clock: REAL_CLOCK,
    dial: (name, _address, stop) => {
      if (name === 'sim') return plugDriver(sim.driver, stop);
      throw new DriverError('INVALID_ARGUMENT', 'DRIVER_UNKNOWN', `there is no driver ${name}`);
    },
  });
  const options = { views, client, sessions, identity, clock: REAL_CLOCK, leaseMs: LEASE_MS };
  const controllers = allControllers(options);
  const shards = (stop: AbortSignal): AsyncIterable<readonly string[]> => zoneShards(views.of(ZoneKind), stop);
  const hints = (stop: AbortSignal) => sessions.hints(stop);
  const run = {
    client,
    views,
    clock: REAL_CLOCK,
    random: Math.random,
    log: QUIET,
    identity,
    controllers,
    shards,
    hints,
    leaseMs: LEASE_MS,
  };
  try {
    await runControllers({ ...run, isDead: (holder) => holder !== identity }, signal);
  } finally {
    await sessions.closeAll();
  }
}

/** Opens a cloud; nothing is declared in it. */
export async function openCloudBench(): Promise<CloudBench> {
  const bench = await openBench();
  const client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'test' });
  const sim = createSimDriver({ worldFile: ':memory:', clock: REAL_CLOCK, version: '0' });
  let count = 0;
  const start = (): { readonly stop: AbortController; readonly ended: Promise<unknown> } => {
    const stop = new AbortController();
    count += 1;
    return { stop, ended: runAll(client, sim, `controllers-${count}`, stop.signal).catch((error: unknown) => error) };
  };
  let running = start();
  const end = async (): Promise<void> => {
    running.stop.abort(new Error('the test ends it'));
    await running.ended;
  };
  return {
    bench,
    client,
    sim,
    async restart() {
      await end();
      running = start();
    },
    async until(path, what, fits) {
      const deadline = REAL_CLOCK.monotonic() + PATIENCE_MS;
      for (;;) {
        const { status, body } = await bench.ask('GET', path);
        const found = status === 404 ? undefined : body;
        if (fits(found)) return found;
        if (REAL_CLOCK.monotonic() > deadline) throw new Error(`${path} is not ${what}: ${JSON.stringify(found?.status, undefined, 1)}`);
        await REAL_CLOCK.sleep(LOOK_MS, bench.signal);
      }
    },
    async close() {
      await end();
      sim.close();
      await bench.close();
    },
  };
}
