import type { ApiObject } from '../apis/meta/object.ts';
import { describeWorld, switchOff, switchOn } from '../drivers/sim/guests.ts';
import { callCounts } from '../drivers/sim/journal.ts';
import { REAL_CLOCK } from './api-bench.ts';
import { openCloudBench, type CloudBench } from './controllers-bench.ts';

const INFRA = '/apis/infra.lenticular.dev/v1alpha1';
const STORAGE = '/apis/storage.lenticular.dev/v1alpha1';
const COMPUTE = '/apis/compute.lenticular.dev/v1alpha1';

/** The paths of the objects that a declared cloud has. */
export const PATHS = {
  zone: `${INFRA}/zones/zone-1`,
  host: (name: string): string => `${INFRA}/hosts/${name}`,
  pool: `${STORAGE}/storagepools/pool-1`,
  volume: (name: string): string => `${STORAGE}/namespaces/default/volumes/${name}`,
  vm: (name: string): string => `${COMPUTE}/namespaces/default/virtualmachines/${name}`,
} as const;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** What tests read of a status, of whichever kind. */
export interface Said {
  readonly host?: string;
  readonly bootId?: string;
  readonly placementEpoch?: number;
  readonly fence?: { readonly bootId: string; readonly evidence: string; readonly machines?: readonly string[] };
  readonly leaseSeconds?: number;
  readonly leased?: boolean;
  readonly claim?: { readonly virtualMachine: string; readonly host: string; readonly placementEpoch: number };
  readonly conditions: readonly Condition[];
}

/** The status of an object. */
export function saidOf(object: ApiObject | undefined): Said {
  return (object?.status ?? { conditions: [] }) as Said;
}

/** A condition of an object. */
export function conditionIn(object: ApiObject | undefined, type = 'Ready'): Condition | undefined {
  return saidOf(object).conditions.find((one) => one.type === type);
}

/** Whether all is as declared. */
export function isReady(object: ApiObject | undefined): boolean {
  return conditionIn(object)?.status === 'True';
}

/** Whether a condition, Ready where none is named, has this reason. */
export function because(reason: string, type = 'Ready'): (object: ApiObject | undefined) => boolean {
  return (object) => conditionIn(object, type)?.reason === reason;
}

interface SimHost {
  readonly uid: string;
  readonly name: string;
  readonly off?: boolean;
  readonly machines: readonly { readonly id: string; readonly name: string; readonly power: string; readonly stoppingSinceMs?: number }[];
}

/** A zone with hosts that can be switched off, a pool that all of them reach, and what a test declares. */
export interface DeclaredCloud extends CloudBench {
  readonly hosts: () => readonly SimHost[];
  simHost(name: string): SimHost;
  /** Names of the hosts on which the machine of a VM runs. */
  runningOn(vm: string): readonly string[];
  /** The most copies of any machine that ran at one moment since the cloud was opened. */
  mostCopies(): number;
  calls(method: string): number;
  declare(path: string, kind: string, name: string, spec: object): Promise<void>;
  /** A VM that runs, with a disk of its own in the pool; resolves with the host that it runs on. */
  runVm(name: string, spec?: object): Promise<string>;
  patch(path: string, spec: object): Promise<void>;
  /** From now on nobody hears from the host, and what runs there runs on; until the faults are cleared. */
  silence(host: string): void;
  reasonsOf(name: string): Promise<readonly string[]>;
  /** The host loses power, or gets it back. */
  powerLost(host: string): void;
  powerBack(host: string): void;
  /** An operator's statement that a host is dead, about this boot: the last one seen where none is given. */
  statedDead(host: string, bootId?: string): Promise<void>;
  /** Resolves with the host that a VM runs on, once that is another one. */
  movedFrom(vm: string, host: string): Promise<string>;
}

/** Lets time pass. */
export function pause(ms: number): Promise<void> {
  return REAL_CLOCK.sleep(ms, new AbortController().signal);
}

const WATCH_MS = 3;

function watchCopies(hosts: () => readonly SimHost[], signal: AbortSignal): () => number {
  let most = 0;
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      const running = hosts().flatMap(({ machines }) => machines.filter(({ power }) => power === 'running').map(({ id }) => id));
      const counts = new Map<string, number>();
      for (const id of running) counts.set(id, (counts.get(id) ?? 0) + 1);
      most = Math.max(most, ...counts.values());
      await REAL_CLOCK.sleep(WATCH_MS, signal).catch(() => undefined);
    }
  };
  void look();
  return () => most;
}

/** Opens a cloud with so many hosts, which are suspected after a second where nothing else is given. */
export async function openDeclaredCloud({
  hosts: count,
  power = true,
  leaseSeconds = 0,
  afterSeconds = 1,
}: {
  readonly hosts: number;
  readonly power?: boolean;
  readonly leaseSeconds?: number;
  readonly afterSeconds?: number;
}): Promise<DeclaredCloud> {
  const cloud = await openCloudBench();
  const ending = new AbortController();
  const hosts = (): readonly SimHost[] => (describeWorld(cloud.sim.sim) as { readonly hosts: readonly SimHost[] }).hosts;
  const declare = async (path: string, kind: string, name: string, spec: object): Promise<void> => {
    const [, , group = '', version = '', ...rest] = path.split('/');
    const namespace = rest[0] === 'namespaces' ? { namespace: rest[1] ?? '' } : {};
    await cloud.bench.create(path, { apiVersion: `${group}/${version}`, kind, metadata: { name, ...namespace }, spec });
  };
  const patch = async (path: string, spec: object): Promise<void> => {
    const { status, body } = await cloud.bench.ask('PATCH', path, { body: { spec } });
    if (status !== 200) throw new Error(JSON.stringify(body));
  };
  const mostCopies = watchCopies(hosts, ending.signal);
  await declare(`${INFRA}/zones`, 'Zone', 'zone-1', { failover: { afterSeconds } });
  await declare(`${INFRA}/pods`, 'Pod', 'rack-1', { zone: 'zone-1', overcommit: { cpuPercent: 400 } });
  const config = { bootDelayMs: 20, stopDelayMs: 20, leaseSeconds };
  const names = Array.from({ length: count }, (_, index) => `host-${index + 1}`);
  for (const name of names) {
    await declare(`${INFRA}/hosts`, 'Host', name, {
      pod: 'rack-1',
      driver: { name: 'sim', config },
      ...(power && { power: { driver: 'sim' } }),
    });
  }
  await declare(`${STORAGE}/storagepools`, 'StoragePool', 'pool-1', { scope: { zone: 'zone-1' }, driver: { name: 'sim' } });
  for (const path of [...names.map(PATHS.host), PATHS.pool]) await cloud.until(path, 'Ready', isReady);
  const simHost = (name: string): SimHost => {
    const found = hosts().find((host) => host.name === name);
    if (found === undefined) throw new Error(`there is no host ${name}`);
    return found;
  };
  return {
    ...cloud,
    hosts,
    simHost,
    runningOn: (vm) =>
      hosts()
        .filter(({ machines }) => machines.some((machine) => machine.name === vm && machine.power === 'running'))
        .map(({ name }) => name),
    mostCopies,
    calls: (method) => callCounts(cloud.sim.sim.world)[method] ?? 0,
    declare,
    async runVm(name, spec = {}) {
      const disks = [{ name: 'data', volume: name }];
      await declare(`${STORAGE}/namespaces/default/volumes`, 'Volume', name, { storagePool: 'pool-1', size: '1Gi' });
      await declare(`${COMPUTE}/namespaces/default/virtualmachines`, 'VirtualMachine', name, { cpus: 1, memory: '1Gi', disks, ...spec });
      const { host = '' } = saidOf(await cloud.until(PATHS.vm(name), 'running', isReady));
      return host;
    },
    patch,
    silence(name) {
      const { uid } = simHost(name);
      for (const call of ['machine.*', 'host.*'])
        cloud.sim.faults.set({ call, endpoint: uid, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    },
    async reasonsOf(name) {
      const { body } = await cloud.bench.ask('GET', '/api/v1/namespaces/default/events');
      const events = body.items as unknown as readonly { readonly reason: string; readonly involvedObject: { readonly name: string } }[];
      return events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason);
    },
    powerLost: (name) => switchOff(cloud.sim.sim, simHost(name).uid),
    powerBack: (name) => switchOn(cloud.sim.sim, simHost(name).uid),
    async statedDead(name, bootId) {
      const seen = await cloud.until(PATHS.host(name), 'seen', (object) => saidOf(object).bootId !== undefined);
      await patch(PATHS.host(name), { outOfService: { bootId: bootId ?? saidOf(seen).bootId ?? '', reason: 'it burnt' } });
    },
    async movedFrom(vm, host) {
      const object = await cloud.until(PATHS.vm(vm), 'running elsewhere', (one) => isReady(one) && saidOf(one).host !== host);
      return saidOf(object).host ?? '';
    },
    async close() {
      ending.abort(new Error('the test ends it'));
      await cloud.close();
    },
  };
}
