import { CATALOG } from '../../apis/catalog.ts';
import { NamespaceKind } from '../../apis/core/v1/namespace/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Log } from '../../apis/meta/log.ts';
import { createClient } from '../../client/api-client.ts';
import type { Client } from '../../client/client.ts';
import { allControllers, zoneShards } from '../../controllers/all.ts';
import { runControllers } from '../../controllers/runtime/run.ts';
import { createViews } from '../../controllers/runtime/views.ts';
import type { Driver } from '../../drivers/contract/driver.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import { createSessions } from '../../drivers/dial/sessions.ts';
import type { SimDriver } from '../../drivers/sim/driver.ts';
import { structuralSchemaOf } from '../../apis/structural.ts';
import { createAdmission } from '../../server/admission/admit.ts';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import type { Store } from '../../server/store/store.ts';
import { createApi } from '../../server/verbs/handle.ts';
import { ADMIN } from '../api-bench.ts';
import { apiLink } from './api-link.ts';
import { driverLink } from './driver-link.ts';
import { createDriverProcess, type DriverProcess } from './driver-process.ts';
import { createProcess, type SimProcess } from './process.ts';
import { createRandom, type Random } from './random.ts';
import { clockOf, createTimeline, type Timeline } from './timeline.ts';
import { createTrace, type Trace } from './trace.ts';
import { createWire, NO_FATES, type Exchange, type Fates, type Wire } from './wire.ts';
import { watchOver, type WorldWatch } from './world-watch.ts';

/** A whole cloud on virtual time: one API, controllers in as many processes as are started, and the simulated data centre. */
export interface SimCloud {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly random: Random;
  readonly store: Store;
  /** The driver process that serves now. */
  readonly sim: SimDriver;
  readonly watch: WorldWatch;
  /** Who declares; nothing goes wrong on the way of what it says. */
  readonly user: { readonly client: Client; readonly sleep: (ms: number) => Promise<void>; readonly signal: AbortSignal };
  /** What goes wrong from now on. */
  suffer(fates: Fates): void;
  /** Whether nothing passes between processes and drivers from now on, although their connections stand. */
  sever(is: boolean): void;
  /** Starts another process of controllers. */
  start(): SimProcess;
  /** All processes of controllers that were started. */
  readonly processes: readonly SimProcess[];
  /** Ends the API server and starts another on the same store. */
  restartApi(): void;
  /** Ends the driver process; another one begins a second later. */
  restartDriver(): void;
  close(): Promise<void>;
}

const SECOND_MS = 1_000;
/** Knows schemas and nothing else: one serves every API of every run. */
const ADMISSION = createAdmission(structuralSchemaOf);
/** As cmd/cloudd gives it. */
export const LEASE_MS = 15_000;

interface Parts {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly wire: Wire;
  readonly driver: DriverProcess;
  readonly watch: WorldWatch;
  readonly fates: () => Fates;
  /** The API server that a process speaks to. */
  readonly serverOf: (process: SimProcess) => { readonly handle: ReturnType<typeof createApi>['handle']; readonly signal: AbortSignal };
}

function logOf(process: string, trace: Trace): Log {
  const tell = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { readonly err?: unknown };
    trace.add(`${process} ${level} ${message}${err instanceof Error ? `: ${err.message}` : ''}`);
  };
  return { debug: () => undefined, info: () => undefined, warn: tell('warns'), error: tell('fails') };
}

/** The same fates for everybody but one. */
function sparing(spared: SimProcess, fates: Fates): Fates {
  const those = ({ process }: Exchange): Fates => (process === spared ? NO_FATES : fates);
  return {
    of: (exchange) => those(exchange).of(exchange),
    ofEvent: (exchange, what) => those(exchange).ofEvent(exchange, what),
    cut: (exchange) => those(exchange).cut(exchange),
    forgot: (exchange) => those(exchange).forgot(exchange),
  };
}

function clientOf({ wire, fates, serverOf }: Parts, process: SimProcess): Client {
  const server = (): ReturnType<Parts['serverOf']> => serverOf(process);
  return createClient({ transport: apiLink({ wire, process, fates, server }), caller: ADMIN, userAgent: process.name });
}

/** Runs all controllers in a process, as cmd/cloudd does. */
async function runAll(parts: Parts, process: SimProcess, random: Random, signal: AbortSignal): Promise<void> {
  const { timeline, trace, wire, driver, watch } = parts;
  const client = clientOf(parts, process);
  const base = { clock: clockOf(timeline, random.below(1_000_000), process), random: random.next, log: logOf(process.name, trace) };
  const views = createViews(client, base, signal);
  const sessions = createSessions({
    clock: base.clock,
    dial(name, _address, stop) {
      const link = (to: Driver): Driver =>
        driverLink(to, { wire, process, witness: watch.witness, sends: watch.sends, looks: watch.looks });
      if (name === 'sim') return driver.dial(process, link, stop);
      throw new DriverError('INVALID_ARGUMENT', 'DRIVER_UNKNOWN', `there is no driver ${name}`);
    },
  });
  const options = { views, client, sessions, clock: base.clock, identity: process.name, leaseMs: LEASE_MS };
  const controllers = allControllers(options);
  const shards = (stop: AbortSignal): AsyncIterable<readonly string[]> => zoneShards(views.of(ZoneKind), stop);
  const hints = (stop: AbortSignal) => sessions.hints(stop);
  const run = { ...base, client, views, identity: process.name, controllers, shards, hints, leaseMs: LEASE_MS };
  await runControllers(run, signal);
}

/** An API server; another may follow on the same store. */
function serverOn(store: Store, timeline: Timeline, random: Random, trace: Trace, newSuffix: () => string) {
  const start = () => {
    const stop = new AbortController();
    const api = createApi({
      store,
      catalog: CATALOG,
      clock: clockOf(timeline, 0),
      newUid: random.uuid,
      newSuffix,
      freeze: true,
      admission: ADMISSION,
      onTrouble: (error) => trace.add(`api fails ${error instanceof Error ? error.message : ''}`),
    });
    return { handle: api.handle, signal: stop.signal, stop, ended: api.run(stop.signal) };
  };
  let now = start();
  const end = async (): Promise<void> => {
    now.stop.abort(new Error('the server ends'));
    await now.ended;
  };
  return {
    now: () => now,
    end,
    restart() {
      trace.add('the API server ends, and another begins');
      void end();
      now = start();
    },
  };
}

/** Opens a cloud with the namespaces that are always there, and nothing else; no controllers run yet. Processes take turns at the servers. */
export async function openSimCloud(seed: number, serverCount = 1): Promise<SimCloud> {
  const random = createRandom(seed);
  const timeline = createTimeline(random);
  const trace = createTrace(timeline.now);
  const ids = createRandom(seed + 0x5eed);
  const driver = createDriverProcess({ timeline, trace, clock: clockOf(timeline, 0), newId: ids.hex });
  const watch = watchOver({ sim: driver.now, now: timeline.now, trace });
  const ending = new AbortController();
  const over = new AbortController();
  const stored = await openSqliteStore({ file: ':memory:', soon: (then) => void timeline.after(0, then) }, ending.signal);
  const store = watch.seeing(stored);
  let suffixes = 0;
  const newSuffix = (): string => String((suffixes += 1)).padStart(5, '0');
  const servers = Array.from({ length: serverCount }, () => serverOn(store, timeline, ids, trace, newSuffix));
  const processes: SimProcess[] = [];
  // The user speaks to the last of them, and the first process to the first.
  const serverOf: Parts['serverOf'] = (process) => {
    const server = servers.at(processes.indexOf(process) % serverCount);
    if (server === undefined) throw new RangeError('there is no API server');
    return server.now();
  };
  let fates = NO_FATES;
  let severed = false;
  const cut = (exchange: Exchange): boolean => (severed && exchange.to === 'driver') || fates.cut(exchange);
  const wire = createWire({ timeline, trace, random, fates: () => ({ ...fates, cut }) });
  const parts: Parts = { timeline, trace, wire, driver, watch, fates: () => fates, serverOf };
  const userProcess = createProcess('user', timeline, trace);
  const clock = clockOf(timeline, 0, userProcess);
  const client = clientOf(parts, userProcess);
  const user = { client, signal: ending.signal, sleep: (ms: number) => clock.sleep(ms, ending.signal) };
  const cloud: SimCloud = {
    timeline,
    trace,
    random,
    store,
    get sim() {
      return driver.now();
    },
    watch,
    user,
    processes,
    suffer(next) {
      fates = sparing(userProcess, next);
    },
    sever(is) {
      trace.add(is ? 'drivers are cut off' : 'drivers are heard again');
      severed = is;
    },
    start() {
      const process = createProcess(`controllers-${processes.length + 1}`, timeline, trace);
      processes.push(process);
      trace.add(`${process.name} begins`);
      runAll(parts, process, createRandom(seed + processes.length), over.signal).catch((error: unknown) => {
        watch.violations.push(`${process.name} ended: ${error instanceof Error ? error.message : ''}`);
      });
      return process;
    },
    restartApi() {
      for (const server of servers) server.restart();
    },
    restartDriver: driver.restart,
    async close() {
      for (const process of processes) process.kill();
      // The dead hear nothing; but what waits for a signal that never comes would be kept in memory for ever.
      over.abort(new Error('the run has ended'));
      // What is on its way arrives before the store is closed.
      await timeline.run(() => false, timeline.now() + SECOND_MS);
      ending.abort(new Error('the run has ended'));
      driver.close();
      for (const server of servers) await server.end();
      await store.close();
    },
  };
  await makeNamespaces(cloud);
  return cloud;
}

async function makeNamespaces({ user, timeline }: SimCloud): Promise<void> {
  let made = 0;
  for (const name of ['default', 'lenticular-system']) {
    user.client.create(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, user.signal).then(
      () => (made += 1),
      () => undefined,
    );
  }
  if (!(await timeline.run(() => made === 2, 60_000))) throw new Error('the namespaces could not be made');
}
