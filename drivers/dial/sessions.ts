import type { Clock } from '../contract/clock.ts';
import { CATEGORIES } from '../contract/driver.ts';
import type { Category, ConfigBag, Driver, DriverEvent, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { Fence } from '../contract/fence.ts';
import type { DeviceHint, OpenSession, Sessions } from '../contract/sessions.ts';
import { createBeats } from './beats.ts';
import type { Beats } from './beats.ts';
import { createHintQueue } from './hints.ts';
import type { HintQueue } from './hints.ts';
import type { DialledDriver } from './supervise.ts';

export interface SessionsOptions {
  /**
   * Starts, or connects to, the driver of this name; `address` is the endpoint's, for drivers that run elsewhere, and empty for those that
   * are started here. Called once per driver until it succeeds. Rejects with INVALID_ARGUMENT/DRIVER_UNKNOWN for a name that nobody knows.
   */
  dial(name: string, address: string, signal: AbortSignal): Promise<DialledDriver>;
  readonly clock: Clock;
}

/** Sessions on drivers that are dialled when they are first asked for; `closeAll` ends the drivers. */
export interface DialledSessions extends Sessions {
  closeAll(): Promise<void>;
}

interface Endpoint {
  readonly ref: EndpointRef;
  readonly config: string;
  readonly instance: string;
  readonly session: Promise<OpenSession>;
  /** Known once it is open. */
  id: string;
}

/** One driver and the sessions on it. */
interface Dialled {
  readonly driver: Promise<DialledDriver>;
  readonly endpoints: Map<string, Endpoint>;
  readonly beats: Beats;
  /** Of the sessions that are open, by their id: the key of the endpoint. */
  readonly keys: Map<string, string>;
  /** What the process that answered last can do, and the driver with its calls watched: the same for all of its sessions. */
  shared: Shared | undefined;
  readonly ending: AbortSignal;
  /** Resolves when the driver is watched, or did not begin to tell soon: what is looked at from then on need not be looked at for that once more. */
  readonly watched: PromiseWithResolvers<void>;
  /** Set where dialling failed: when to try again. */
  retryAtMs: number | undefined;
  waitMs: number;
}

interface Shared {
  readonly instance: string;
  readonly driver: Driver;
  readonly capabilities: Promise<OpenSession['capabilities']>;
}

const FIRST_WAIT_MS = 1000;
const LAST_WAIT_MS = 30_000;
const WATCH_AGAIN_MS = 1000;
/** Sessions wait for the watch so long, at most. */
const WATCHED_MS = 1000;

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

/** The same driver, which tells `lost` of every session that the driver does not know any more. */
function noticing(driver: Driver, lost: (session: string) => void): Driver {
  const wrap =
    (method: AnyMethod): AnyMethod =>
    async (...args) => {
      try {
        return await method(...args);
      } catch (error) {
        const { session } = (args[0] ?? {}) as { readonly session?: unknown };
        const gone = error instanceof DriverError && (error.reason === 'SESSION_UNKNOWN' || error.reason === 'DRAINING');
        if (gone && typeof session === 'string') lost(session);
        throw error;
      }
    };
  const services = Object.entries(driver).filter((entry): entry is [string, Record<string, AnyMethod>] => typeof entry[1] === 'object');
  const wrapped = services.map(([name, service]) => [
    name,
    Object.fromEntries(Object.entries(service).map(([key, method]) => [key, wrap(method)])),
  ]);
  return { ...driver, ...(Object.fromEntries(wrapped) as Partial<Driver>) };
}

const keyOf = ({ category, uid }: { readonly category: Category; readonly uid: string }): string => `${category}/${uid}`;

/** Forgets the session of an endpoint, and returns it. */
function drop({ endpoints, keys }: Dialled, key: string): Endpoint | undefined {
  const endpoint = endpoints.get(key);
  endpoints.delete(key);
  if (endpoint !== undefined) keys.delete(endpoint.id);
  return endpoint;
}

function hintOf({ endpoints, keys }: Dialled, event: DriverEvent): readonly DeviceHint[] {
  if (event.type === 'RESYNC' && event.session === '') return [...endpoints.values()].map(({ ref }) => ({ endpointUid: ref.uid, uid: '' }));
  const endpoint = endpoints.get(keys.get(event.session) ?? '');
  return endpoint === undefined ? [] : [{ endpointUid: endpoint.ref.uid, uid: event.uid }];
}

/** What the sessions on one process of a driver share; asked for once, whoever comes first, and again where it could not be told. */
function sharedOf(dialled: Dialled, driver: DialledDriver, instance: string): Shared {
  if (dialled.shared?.instance === instance) return dialled.shared;
  const lost = (session: string): void => {
    const key = dialled.keys.get(session);
    if (key !== undefined) drop(dialled, key);
  };
  const made: Shared = { instance, driver: noticing(driver, lost), capabilities: driver.identity.getCapabilities(dialled.ending) };
  dialled.shared = made;
  made.capabilities.catch(() => {
    if (dialled.shared === made) dialled.shared = undefined;
  });
  return made;
}

/** Of a beat: hosts that fell silent with it, or answer again, each without its machines. */
function beatHints({ endpoints, keys, beats }: Dialled, event: DriverEvent): readonly DeviceHint[] {
  return beats.hear(event).flatMap((session) => {
    const uid = endpoints.get(keys.get(session) ?? '')?.ref.uid;
    return uid === undefined ? [] : [{ endpointUid: uid, uid }];
  });
}

/** Tells of everything that a driver says, and of every process of it that is new, until `signal` aborts. */
async function follow(
  dialled: Dialled,
  driver: DialledDriver,
  tell: (hint: DeviceHint) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { beats } = dialled;
  const lookAtAll = (): void => {
    for (const hint of hintOf(dialled, { sequence: 0, type: 'RESYNC', session: '', uid: '' })) tell(hint);
  };
  void beats.watch(lookAtAll, clock, signal).catch(() => undefined);
  for await (const { instance } of driver.connections(signal)) {
    const same = (): boolean => !signal.aborted && driver.instance()?.instance === instance;
    do {
      lookAtAll();
      for await (const event of driver.watch(signal)) {
        for (const hint of event.type === 'BEAT' ? beatHints(dialled, event) : hintOf(dialled, event)) tell(hint);
        dialled.watched.resolve();
      }
      // What was watched is gone: until it is back, its objects are looked at, and found to be unreachable.
      beats.lose();
      lookAtAll();
      // A stream may break although the process lives on, and then nobody announces another connection.
      if (same()) await clock.sleep(WATCH_AGAIN_MS, signal).catch(() => undefined);
    } while (same());
  }
}

async function openSession(
  driver: DialledDriver,
  dialled: Dialled,
  endpoint: EndpointRef,
  config: ConfigBag,
  fence: Fence,
  signal: AbortSignal,
): Promise<OpenSession> {
  const key = keyOf(endpoint);
  const info = driver.instance();
  if (info === undefined) throw new DriverError('UNAVAILABLE', 'BACKEND', `the driver ${driver.name} is down`);
  const bag = JSON.stringify([endpoint, config]);
  const known = dialled.endpoints.get(key);
  if (known?.instance === info.instance && known.config === bag) return known.session;
  const open = async (): Promise<OpenSession> => {
    const { session: id } = await driver.session.open(endpoint, config, fence, signal);
    const shared = sharedOf(dialled, driver, info.instance);
    const beats = (): boolean => dialled.beats.answers(id);
    return { id, driver: shared.driver, info, capabilities: await shared.capabilities, beats };
  };
  const entry: Endpoint = { ref: endpoint, config: bag, instance: info.instance, session: open(), id: '' };
  drop(dialled, key);
  dialled.endpoints.set(key, entry);
  try {
    const session = await entry.session;
    entry.id = session.id;
    if (dialled.endpoints.get(key) === entry) dialled.keys.set(session.id, key);
    return session;
  } catch (error) {
    if (dialled.endpoints.get(key) === entry) drop(dialled, key);
    throw error;
  }
}

/** The drivers that have been asked for, each dialled once; a failed dial is remembered for 1 s to 30 s. */
function createPool(
  options: SessionsOptions,
  tell: (hint: DeviceHint) => void,
  ending: AbortSignal,
): { get(name: string, address: string): Dialled; all(): readonly Dialled[] } {
  const pool = new Map<string, Dialled>();
  const start = (name: string, address: string, waitMs: number): Dialled => {
    const dialled: Dialled = {
      driver: options.dial(name, address, ending),
      endpoints: new Map(),
      keys: new Map(),
      beats: createBeats(),
      shared: undefined,
      ending,
      watched: Promise.withResolvers(),
      retryAtMs: undefined,
      waitMs,
    };
    dialled.driver.then(
      (driver) => {
        void follow(dialled, driver, tell, options.clock, ending).catch(() => undefined);
        void options.clock.sleep(WATCHED_MS, ending).then(dialled.watched.resolve, dialled.watched.resolve);
      },
      () => {
        dialled.retryAtMs = options.clock.monotonic() + waitMs;
      },
    );
    return dialled;
  };
  return {
    all: () => [...pool.values()],
    get(name, address) {
      const key = `${name} ${address}`;
      const known = pool.get(key);
      const retry = known?.retryAtMs !== undefined && options.clock.monotonic() >= known.retryAtMs;
      if (known !== undefined && !retry) return known;
      const dialled = start(name, address, known === undefined ? FIRST_WAIT_MS : Math.min(known.waitMs * 2, LAST_WAIT_MS));
      pool.set(key, dialled);
      return dialled;
    },
  };
}

/** Sessions that are opened once per driver process and configuration, and again when either is new or the driver lost them. */
export function createSessions(options: SessionsOptions): DialledSessions {
  const ending = new AbortController();
  const readers = new Set<HintQueue>();
  const tell = (hint: DeviceHint): void => {
    for (const reader of readers) reader.push(hint);
  };
  const pool = createPool(options, tell, ending.signal);
  return {
    async open(name, endpoint, config, fence, signal) {
      const dialled = pool.get(name, endpoint.address);
      const driver = await dialled.driver;
      await dialled.watched.promise;
      return openSession(driver, dialled, endpoint, config, fence, signal);
    },
    async close(endpointUid, signal) {
      for (const dialled of pool.all()) {
        const gone = CATEGORIES.map((category) => drop(dialled, keyOf({ category, uid: endpointUid })));
        // The driver forgets by itself when it ends; one that is down has nothing to forget.
        for (const { id } of gone.filter((endpoint) => endpoint !== undefined))
          if (id !== '') await (await dialled.driver).session.close(id, signal).catch(() => undefined);
      }
    },
    async *hints(signal) {
      const queue = createHintQueue();
      readers.add(queue);
      try {
        yield* queue.read(AbortSignal.any([signal, ending.signal]));
      } finally {
        readers.delete(queue);
      }
    },
    async closeAll() {
      ending.abort(new Error('closed'));
      const drivers = await Promise.allSettled(pool.all().map(({ driver }) => driver));
      await Promise.allSettled(drivers.flatMap((driver) => (driver.status === 'fulfilled' ? [driver.value.close()] : [])));
    },
  };
}
