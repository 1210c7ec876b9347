import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigBag, DriverEvent, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { EventHub } from '../contract/event-hub.ts';
import { checkUid } from '../contract/names.ts';
import type { CallContext } from '../contract/fence.ts';
import { createKeyedLock } from '../contract/keyed-lock.ts';
import { createAcceleratorProbe, type AcceleratorProbe } from './accelerator.ts';
import { configInvalid } from '../serve/config-bag.ts';
import { configSchemaOf, parseHostConfig, parsePoolConfig } from './config.ts';
import { resumeFills } from './disk-fill.ts';
import { sweepRemovedDisks } from './disk-record.ts';
import type { QemuDriverOptions } from './environment.ts';
import { createFenceGuard, type FenceGuard } from './fence-guard.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { shortId } from './identity.ts';
import { LONGEST_SOCKET_SUFFIX, sweepRemoved } from './machine-record.ts';
import { createMonitors } from './monitors.ts';
import { ownFolder } from './own-folder.ts';
import type { PoolEndpoint } from './pool-endpoint.ts';
import { adoptMachines, runTicker, settleSoon } from './ticker.ts';

const MAX_SOCKET_PATH_BYTES = 107;
const SHORT_NAME = /^[a-z0-9][a-z0-9-]{0,15}$/;
/** What an engine says that no caller needs to hear of. */
const CHATTER = new Set(['RTC_CHANGE', 'VSERPORT_CHANGE', 'NIC_RX_FILTER_CHANGED', 'BALLOON_CHANGE', 'JOB_STATUS_CHANGE']);

type Endpoint = { readonly category: 'machine'; readonly host: HostEndpoint } | { readonly category: 'disk'; readonly pool: PoolEndpoint };

interface Session {
  /** Of the endpoint's object. */
  readonly uid: string;
  readonly endpoint: Endpoint;
  draining: boolean;
}

interface OpenEndpoint {
  readonly endpoint: Endpoint;
  readonly life: AbortController;
  readonly sessions: Set<string>;
}

/** The sessions of this process and the endpoints behind them. */
export interface Endpoints {
  open(ref: EndpointRef, config: ConfigBag, signal: AbortSignal): Promise<string>;
  close(session: string): void;
  drain(session: string): void;
  host(context: CallContext): HostEndpoint;
  pool(context: CallContext): PoolEndpoint;
}

/** A short folder name that stays the same when the endpoint's object is made anew under its name. */
function folderName(ref: EndpointRef): string {
  return SHORT_NAME.test(ref.name) ? ref.name : shortId(ref.name === '' ? ref.uid : ref.name);
}

interface Making {
  readonly options: QemuDriverOptions;
  readonly probe: AcceleratorProbe;
  readonly leaders: Pick<FenceGuard, 'admit'>;
  readonly changed: (uid: string, type?: DriverEvent['type']) => void;
  readonly life: AbortSignal;
}

async function makeHost(
  ref: EndpointRef,
  bag: ConfigBag,
  dir: string,
  { options, probe, leaders, changed, life }: Making,
): Promise<HostEndpoint> {
  const config = parseHostConfig(bag);
  const imagesDir = config.imagesDir ?? join(options.stateDir, 'images');
  await mkdir(join(dir, 'vm'), { recursive: true, mode: 0o700 });
  await sweepRemoved(dir, life);
  const monitors = createMonitors(
    {
      clock: options.clock,
      onNews(uid, news) {
        if (news.kind === 'event' && CHATTER.has(news.event.event)) return;
        changed(uid);
        void settleSoon(host, uid, life);
      },
    },
    life,
  );
  const host: HostEndpoint = {
    dir,
    config: { ...config, imagesDir },
    options,
    lock: createKeyedLock(),
    settling: new Map(),
    // Leaders are known to the whole driver; what was deleted, to the endpoint.
    fences: { ...createFenceGuard(dir), admit: leaders.admit },
    monitors,
    accelerator: probe,
    dueStops: new Map(),
    changed: (uid, type = 'machine') => changed(uid, type),
  };
  const failed = (error: unknown): void => options.log(`host ${ref.name}: ${error instanceof Error ? error.message : 'failed'}`);
  if (config.accelerator === 'auto') probe.find(life).then(() => changed('', 'host'), failed);
  adoptMachines(host, life).then(() => changed('', 'host'), failed);
  void runTicker(host, life);
  return host;
}

async function makePool(bag: ConfigBag, dir: string, { options, leaders, changed, life }: Making): Promise<PoolEndpoint> {
  const config = parsePoolConfig(bag);
  for (const folder of ['disks', 'operations']) await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
  await sweepRemovedDisks(dir, life);
  const pool: PoolEndpoint = {
    dir,
    config: { ...config, imagesDir: config.imagesDir ?? join(options.stateDir, 'images') },
    options: { ...options, life },
    lock: createKeyedLock(),
    fences: { ...createFenceGuard(dir), admit: leaders.admit },
    fills: new Map(),
    changed: (uid, type = 'disk') => changed(uid, type),
  };
  await resumeFills(pool, life);
  return pool;
}

async function locate(ref: EndpointRef, bag: ConfigBag, stateDir: string, signal: AbortSignal): Promise<string> {
  if (ref.category === 'machine') {
    const dir = await ownFolder(parseHostConfig(bag).stateDir ?? join(stateDir, 'hosts', folderName(ref)), 'stateDir', signal);
    if (Buffer.byteLength(dir + LONGEST_SOCKET_SUFFIX) > MAX_SOCKET_PATH_BYTES) {
      throw configInvalid(
        'stateDir',
        `the path is too long for sockets: at most ${MAX_SOCKET_PATH_BYTES - LONGEST_SOCKET_SUFFIX.length} bytes`,
      );
    }
    return dir;
  }
  return ownFolder(parsePoolConfig(bag).dir ?? join(stateDir, 'pools', folderName(ref)), 'dir', signal);
}

/** Makes an endpoint at its first session; those that lie in the same folder are one. */
function createMaker(
  options: QemuDriverOptions,
  hub: EventHub,
): (ref: EndpointRef, config: ConfigBag, dir: string) => Promise<OpenEndpoint> {
  const probe = createAcceleratorProbe({ stateDir: options.stateDir, program: 'qemu-system-x86_64', clock: options.clock }, options.life);
  const leaders = createFenceGuard(options.stateDir);
  return async (ref, config, dir) => {
    await ownFolder(options.stateDir, 'stateDir', options.life);
    const sessions = new Set<string>();
    const life = new AbortController();
    const making: Making = {
      options,
      probe,
      leaders,
      life: AbortSignal.any([life.signal, options.life]),
      changed(uid, type = 'machine') {
        for (const session of sessions) hub.publish({ type, session, uid });
      },
    };
    const endpoint: Endpoint =
      ref.category === 'machine'
        ? { category: 'machine', host: await makeHost(ref, config, dir, making) }
        : { category: 'disk', pool: await makePool(config, dir, making) };
    return { endpoint, life, sessions };
  };
}

function closeSession(byFolder: Map<string, Promise<OpenEndpoint>>, session: string): void {
  for (const [key, opening] of byFolder) {
    opening.then(
      (open) => {
        if (!open.sessions.delete(session) || open.sessions.size > 0) return;
        byFolder.delete(key);
        open.life.abort();
      },
      () => undefined,
    );
  }
}

/** The sessions of one driver process; endpoints that lie in the same folder are one, whoever opens them. */
export function createEndpoints(options: QemuDriverOptions, hub: EventHub): Endpoints {
  const sessions = new Map<string, Session>();
  const byFolder = new Map<string, Promise<OpenEndpoint>>();
  const make = createMaker(options, hub);
  const find = (context: CallContext): Endpoint => {
    const session = sessions.get(context.session);
    if (session === undefined) throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'the session is not open in this driver process');
    if (session.draining) throw new DriverError('UNAVAILABLE', 'DRAINING', 'the session is draining', { retryAfterMs: 1000 });
    return session.endpoint;
  };
  return {
    async open(ref, config, signal) {
      configSchemaOf(ref.category);
      checkUid('endpoint.uid', ref.uid);
      const dir = await locate(ref, config, options.stateDir, signal);
      signal.throwIfAborted();
      const key = `${ref.category} ${dir}`;
      const opening = byFolder.get(key) ?? make(ref, config, dir);
      byFolder.set(key, opening);
      const open = await opening.catch((error: unknown) => {
        byFolder.delete(key);
        throw error;
      });
      const endpoint = withConfig(open.endpoint, config);
      // Opened again it is the same session, with the newer configuration; one that drains is left to end.
      const again = [...open.sessions].find((id) => sessions.get(id)?.uid === ref.uid && sessions.get(id)?.draining === false);
      const session = again ?? randomUUID();
      open.sessions.add(session);
      sessions.set(session, { uid: ref.uid, endpoint, draining: false });
      return session;
    },
    close(session) {
      sessions.delete(session);
      closeSession(byFolder, session);
    },
    drain(session) {
      const known = sessions.get(session);
      if (known !== undefined) known.draining = true;
    },
    host(context) {
      const endpoint = find(context);
      if (endpoint.category === 'machine') return endpoint.host;
      throw new DriverError('INVALID_ARGUMENT', 'SESSION_UNKNOWN', 'the session belongs to a pool, not to a host');
    },
    pool(context) {
      const endpoint = find(context);
      if (endpoint.category === 'disk') return endpoint.pool;
      throw new DriverError('INVALID_ARGUMENT', 'SESSION_UNKNOWN', 'the session belongs to a host, not to a pool');
    },
  };
}

/** The same endpoint as a session with this configuration sees it: what it shares stays shared. */
function withConfig(endpoint: Endpoint, bag: ConfigBag): Endpoint {
  if (endpoint.category === 'machine') {
    const { host } = endpoint;
    const config = parseHostConfig(bag);
    return {
      category: 'machine',
      host: { ...host, config: { ...config, imagesDir: config.imagesDir ?? join(host.options.stateDir, 'images') } },
    };
  }
  const { pool } = endpoint;
  const config = parsePoolConfig(bag);
  return {
    category: 'disk',
    pool: { ...pool, config: { ...config, imagesDir: config.imagesDir ?? join(pool.options.stateDir, 'images') } },
  };
}
