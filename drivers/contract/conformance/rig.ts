import { expect } from 'expect';
import type { Category, Driver, PowerService } from '../driver.ts';
import type { Disk, DiskConnection, DiskService, OperationService } from '../disk.ts';
import { DriverError } from '../driver-error.ts';
import type { DriverErrorCode, DriverErrorReason } from '../driver-error.ts';
import type { CallContext, Fence, MutationContext, Owner } from '../fence.ts';
import type { Machine, MachineService, MachineSpec } from '../machine.ts';
import type { Subject } from './subject.ts';

const INSTALLATION = 'b2d1a6de-0f5b-4f0e-9f6e-2a3d3c9f5a11';
const WAIT_MS = 15_000;
const LOOK_MS = 20;

/** What one check works with: fresh uids, a shard of its own, and everything that it made is taken away after it. */
export interface Rig {
  readonly subject: Subject;
  readonly driver: Driver;
  readonly machine: MachineService;
  readonly disk: DiskService;
  readonly operation: OperationService;
  readonly power: PowerService;
  readonly signal: AbortSignal;
  /** A uid that nobody has had. */
  uid(): string;
  /** The session of the n-th host or pool, opened when it is not. */
  session(category: Category, n?: number): Promise<string>;
  /** Asks an endpoint of this category something that changes nothing. */
  ask(category: Category, context: CallContext, signal?: AbortSignal): Promise<unknown>;
  /** What the driver is for. */
  categories(): Promise<readonly Category[]>;
  /** Forgets open sessions, because the driver's process is new. */
  forget(): void;
  hostId(n?: number): Promise<string>;
  fence(over?: Partial<Fence>): Fence;
  owner(kind: 'Volume' | 'VirtualMachine', uid: string): Owner;
  on(category: Category, over?: Partial<Fence>, n?: number): Promise<MutationContext>;
  look(category: Category, n?: number): Promise<CallContext>;
  spec(uid: string, over?: Partial<MachineSpec>): MachineSpec;
  /** Takes away after the check what comes to have this uid. */
  takes(kind: 'Volume' | 'VirtualMachine', uid: string): void;
  /** A machine that is made and stopped. */
  newMachine(over?: Partial<MachineSpec>, fence?: Partial<Fence>): Promise<Machine>;
  /** A machine that runs. */
  newRunning(over?: Partial<MachineSpec>): Promise<Machine>;
  /** An empty disk. */
  newDisk(fence?: Partial<Fence>): Promise<Disk>;
  /** How a host reaches a disk. */
  publish(uid: string, n?: number): Promise<DiskConnection>;
  /** The machine once `so` is true of it; fails after 15 s. */
  machineOnce(uid: string, so: (machine: Machine | undefined) => boolean): Promise<Machine | undefined>;
  cleanUp(): Promise<void>;
}

/** The check is about something that the driver is not for: it says nothing of it. */
export class DoesNotApply extends Error {}

/** What the driver has; DoesNotApply where it is not for that. That it has all that it is for, a check of its own says. */
function has<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new DoesNotApply(`the driver has no ${what} service`);
  return value;
}

/** Passes when `call` fails with this code, and reason; gives the error. */
export async function refusal(
  call: Promise<unknown>,
  code: DriverErrorCode | readonly DriverErrorCode[],
  reason?: DriverErrorReason,
): Promise<DriverError> {
  const outcome: unknown = await call.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
  if (!(outcome instanceof DriverError)) throw new Error(`expected ${String(code)}`, { cause: outcome });
  expect([code].flat()).toContain(outcome.code);
  if (reason !== undefined) expect(outcome.reason).toBe(reason);
  return outcome;
}

/** Runs a mutating call, again while another on the same uid is pending. */
export async function retried<T>(subject: Subject, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof DriverError) || error.code !== 'ABORTED') throw error;
      await subject.clock.sleep(LOOK_MS, signal);
    }
  }
}

/** Looks until `so`, for at most 15 s. */
export async function eventually<T>(subject: Subject, look: () => Promise<T>, so: (seen: T) => boolean, signal: AbortSignal): Promise<T> {
  const until = subject.clock.monotonic() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (so(seen)) return seen;
    if (subject.clock.monotonic() > until) throw new Error(`it never came true; at last: ${JSON.stringify(seen)}`);
    await subject.clock.sleep(LOOK_MS, signal);
  }
}

interface Made {
  readonly machines: Set<string>;
  readonly disks: Set<string>;
}

async function cleanUp(rig: Rig, made: Made): Promise<void> {
  const { signal, subject } = rig;
  const last = { epoch: 1_000_000, generation: 1_000_000, placementEpoch: 1_000_000, incarnation: 1_000_000 };
  const retry = <T>(call: () => Promise<T>): Promise<T> => retried(subject, call, signal);
  const categories = await rig.categories();
  if (made.machines.size > 0 && categories.includes('machine')) {
    const context = await rig.on('machine', last);
    for (const uid of made.machines) {
      const found = await rig.machine.get(context, uid, signal);
      if (found === undefined || found.released) continue;
      await retry(() => rig.machine.stop(context, uid, { mode: 'hard' }, signal));
      await rig.machineOnce(uid, (machine) => machine?.power === 'stopped');
      await retry(() => rig.machine.delete(context, uid, signal));
    }
  }
  if (made.disks.size === 0 || !categories.includes('disk')) return;
  const context = await rig.on('disk', last);
  for (const uid of made.disks) {
    const found = await rig.disk.get(context, uid, signal);
    if (found === undefined || found.released) continue;
    for (const hostId of found.publishedTo) await retry(() => rig.disk.unpublish(context, { uid, hostId }, signal));
    await retry(() => rig.disk.delete(context, uid, signal));
  }
}

/** Uids and shards of one run of the suite; `run` makes them new to the driver. */
export function createRigs(subject: Subject, run: string): () => Rig {
  const sessions = new Map<string, string>();
  let checks = 0;
  return () => {
    checks += 1;
    const check = checks;
    return rigOf(subject, `${run}-${check}`, sessions);
  };
}

function rigOf(subject: Subject, prefix: string, sessions: Map<string, string>): Rig {
  const { driver } = subject;
  const { signal } = new AbortController();
  const made: Made = { machines: new Set(), disks: new Set() };
  let uids = 0;
  const rig: Rig = {
    subject,
    driver,
    signal,
    get machine() {
      return has(driver.machine, 'machine');
    },
    get disk() {
      return has(driver.disk, 'disk');
    },
    get operation() {
      return has(driver.operation, 'operation');
    },
    get power() {
      return has(driver.power, 'power');
    },
    uid: () => `${prefix}-${(uids += 1)}`,
    async session(category, n = 0) {
      const key = `${category} ${n}`;
      const known = sessions.get(key);
      if (known !== undefined) return known;
      const { categories } = await driver.identity.getInfo(signal);
      if (!categories.includes(category)) throw new DoesNotApply(`the driver is for no ${category}`);
      const { ref, config } = subject.endpoint(category, n);
      const { session } = await driver.session.open(ref, config, rig.fence({ shard: `${prefix}-open` }), signal);
      sessions.set(key, session);
      return session;
    },
    ask(category, context, until = signal) {
      if (category === 'machine') return rig.machine.list(context, until);
      return category === 'disk' ? rig.disk.list(context, until) : rig.power.status(context, until);
    },
    categories: async () => (await driver.identity.getInfo(signal)).categories,
    forget: () => sessions.clear(),
    async hostId(n = 0) {
      return (await has(driver.host, 'host').observe(await rig.look('machine', n), signal)).hostId;
    },
    fence: (over) => ({ installation: INSTALLATION, shard: prefix, incarnation: 1, epoch: 1, generation: 1, placementEpoch: 0, ...over }),
    owner: (kind, uid) => ({ installation: INSTALLATION, kind, namespace: 'conformance', name: `n-${uid}`, uid }),
    async on(category, over, n) {
      return { session: await rig.session(category, n), trace: `${prefix}.1`, fence: rig.fence(over), cause: 'Conformance' };
    },
    async look(category, n) {
      return { session: await rig.session(category, n), trace: `${prefix}.1` };
    },
    spec(uid, over) {
      made.machines.add(uid);
      return { owner: rig.owner('VirtualMachine', uid), disks: [], interfaces: [], ...subject.machine, ...over };
    },
    takes: (kind, uid) => void (kind === 'Volume' ? made.disks : made.machines).add(uid),
    newMachine: async (over, fence) =>
      rig.machine.ensure(await rig.on('machine', { placementEpoch: 1, ...fence }), rig.spec(rig.uid(), over), signal),
    async newRunning(over) {
      const { id } = await rig.newMachine(over);
      await rig.machine.start(await rig.on('machine', { placementEpoch: 1 }), id, signal);
      const running = await rig.machineOnce(id, (machine) => machine?.power === 'running');
      if (running === undefined) throw new Error('the machine that was started is gone');
      return running;
    },
    async newDisk(fence) {
      const uid = rig.uid();
      made.disks.add(uid);
      const { diskBytes: sizeBytes } = subject;
      return rig.disk.ensure(await rig.on('disk', fence), { owner: rig.owner('Volume', uid), sizeBytes }, signal);
    },
    async publish(uid, n) {
      made.disks.add(uid);
      return rig.disk.publish(await rig.on('disk'), { uid, hostId: await rig.hostId(n) }, signal);
    },
    async machineOnce(uid, so) {
      const context = await rig.look('machine');
      return eventually(subject, () => rig.machine.get(context, uid, signal), so, signal);
    },
    cleanUp: () => cleanUp(rig, made),
  };
  return rig;
}
