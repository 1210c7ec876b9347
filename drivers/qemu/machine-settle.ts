import { DriverError } from '../contract/driver-error.ts';
import type { Machine } from '../contract/machine.ts';
import { diskNodeName } from './command-line.ts';
import { eventually } from '../serve/deadline.ts';
import { isPlugged, lookAtEngine, type EngineFacts } from './engine-facts.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { isAlive, killProcess } from './machine-process.ts';
import { machineFolder, readMachine, writeMachine, type MachineFolder, type MachineRecord } from './machine-record.ts';
import { describeMachine, endOf, isHalted } from './machine-view.ts';
import { readQcow2Header } from './qcow2-header.ts';
import type { QmpConnection } from './qmp.ts';

const QUIT_MS = 2000;
const KILL_MS = 4000;
const CLOSE_MS = 2000;

/** A machine and what is now known of it. */
export interface KnownMachine {
  readonly folder: MachineFolder;
  readonly record: MachineRecord;
  readonly facts: EngineFacts;
}

/** Ends the engine: by its own quit where it answers, then by SIGKILL; resolves only when its process is gone. */
export async function endEngine(host: HostEndpoint, facts: EngineFacts, signal: AbortSignal): Promise<void> {
  if (facts.kind === 'absent') return;
  const { clock } = host.options;
  const isGone = (): boolean => !isAlive(facts.process);
  if (facts.kind === 'answers') {
    // The answer may be cut off by the end itself; only the process counts.
    await facts.connection.execute('quit', {}, signal).catch(() => undefined);
    if (await eventually(isGone, { clock, ms: QUIT_MS, everyMs: 10 }, signal)) return;
  }
  killProcess(facts.process);
  if (!(await eventually(isGone, { clock, ms: KILL_MS, everyMs: 10 }, signal))) {
    throw new DriverError('UNAVAILABLE', 'BACKEND', 'the process of the machine does not end', { retryAfterMs: 2000 });
  }
}

function isOverdue(record: MachineRecord, nowMs: number): boolean {
  return record.stop !== undefined && nowMs >= record.stop.deadlineAtMs;
}

function letGo(record: MachineRecord, facts: EngineFacts): readonly string[] {
  return facts.kind === 'answers' ? (record.run?.detaching ?? []).filter((uid) => !isPlugged(facts, uid)) : [];
}

function isUnsettled({ record, facts }: KnownMachine, nowMs: number): boolean {
  return (
    endOf(record, facts, nowMs) !== undefined ||
    (record.stop !== undefined && (isOverdue(record, nowMs) || record.run === undefined)) ||
    letGo(record, facts).length > 0 ||
    (record.run?.confirmed === false && facts.kind === 'answers')
  );
}

/** The record of a machine whose run is over. */
export function ended(record: MachineRecord, cause: NonNullable<MachineRecord['lastStopCause']>): MachineRecord {
  const { run: _run, stop: _stop, ...rest } = record;
  return { ...rest, lastStopCause: cause };
}

/** Closes a node whose device is gone; the engine holds it some moments longer. Tells whether it is closed. */
async function closeNode(host: HostEndpoint, connection: QmpConnection, name: string, signal: AbortSignal): Promise<boolean> {
  const { clock } = host.options;
  for (const end = clock.monotonic() + CLOSE_MS; clock.monotonic() < end;) {
    const nodes = await connection.execute('query-named-block-nodes', { flat: true }, signal);
    const open = Array.isArray(nodes) && nodes.some((node: Readonly<Record<string, unknown>>) => node['node-name'] === name);
    if (!open) return true;
    await connection.execute('blockdev-del', { 'node-name': name }, signal).catch((error: unknown) => {
      if (!(error instanceof DriverError) || error.code !== 'INTERNAL') throw error;
    });
    await clock.sleep(20, signal);
  }
  return false;
}

async function finishDetaching(host: HostEndpoint, machine: KnownMachine, signal: AbortSignal): Promise<MachineRecord> {
  const { record, facts } = machine;
  if (record.run === undefined || facts.kind !== 'answers') return record;
  const gone: string[] = [];
  for (const uid of letGo(record, facts)) if (await closeNode(host, facts.connection, diskNodeName(uid), signal)) gone.push(uid);
  const spec = { ...record.run.spec, disks: record.run.spec.disks.filter((disk) => !gone.includes(disk.uid)) };
  return { ...record, run: { ...record.run, spec, confirmed: true, detaching: record.run.detaching.filter((uid) => !gone.includes(uid)) } };
}

/**
 * Brings record and engine together, under the machine's lock: a guest that is over is put away and the cause recorded, an overdue stop is
 * finished, a disk that the guest let go is closed. Returns what is then true.
 */
export async function settle(host: HostEndpoint, machine: KnownMachine, signal: AbortSignal): Promise<KnownMachine> {
  const { folder, facts } = machine;
  const nowMs = host.options.clock.now();
  if (!isUnsettled(machine, nowMs)) return machine;
  let record = machine.record;
  const end = endOf(record, facts, nowMs) ?? (isOverdue(record, nowMs) || record.run === undefined ? 'requested' : undefined);
  if (end === undefined) {
    record = await finishDetaching(host, machine, signal);
    await writeMachine(folder, record, signal);
    host.changed(record.spec.owner.uid);
    return { folder, record, facts: await lookAtEngine(host, { folder, record }, signal) };
  }
  if (isHalted(facts) || isOverdue(record, nowMs)) await endEngine(host, facts, signal);
  record = ended(record, end);
  await writeMachine(folder, record, signal);
  host.monitors.release(folder);
  host.dueStops.delete(record.spec.owner.uid);
  host.changed(record.spec.owner.uid);
  return { folder, record, facts: { kind: 'absent' } };
}

async function sizesOf(machine: KnownMachine, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  if (machine.facts.kind === 'answers') return sizes;
  for (const disk of machine.record.spec.disks) {
    const path = disk.connection.attributes.path;
    const header = path === undefined ? undefined : await readQcow2Header(path, signal).catch(() => undefined);
    if (header !== undefined) sizes.set(disk.uid, header.virtualSizeBytes);
  }
  return sizes;
}

/** The machine as callers see it. */
export async function viewOf(host: HostEndpoint, machine: KnownMachine, signal: AbortSignal): Promise<Machine> {
  const sizes = await sizesOf(machine, signal);
  return describeMachine(machine.record, { facts: machine.facts, sizes, nowMs: host.options.clock.now() });
}

/** The machine as it is; undefined where the host does not have it. Changes nothing. */
export async function lookUp(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<KnownMachine | undefined> {
  const folder = machineFolder(host.dir, uid);
  const record = await readMachine(folder, signal);
  if (record?.spec.owner.uid !== uid) return undefined;
  return { folder, record, facts: await lookAtEngine(host, { folder, record }, signal) };
}

/** The same, settled; for callers that hold the machine's lock. */
export async function lookUpSettled(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<KnownMachine | undefined> {
  const machine = await lookUp(host, uid, signal);
  return machine === undefined ? undefined : settle(host, machine, signal);
}

/** The machine's lock, after what the driver itself does there; ABORTED/OPERATION_PENDING while another call holds it. */
export async function holdMachine(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<Disposable> {
  for (let settling = host.settling.get(uid); settling !== undefined; settling = host.settling.get(uid)) await settling;
  signal.throwIfAborted();
  return host.lock.hold(uid);
}

function holdIfFree(host: HostEndpoint, uid: string): Disposable | undefined {
  try {
    return host.lock.hold(uid);
  } catch (error) {
    if (error instanceof DriverError && error.reason === 'OPERATION_PENDING') return undefined;
    throw error;
  }
}

async function settleAlone(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<void> {
  const held = holdIfFree(host, uid);
  // The call that holds it settles the machine itself.
  if (held === undefined) return;
  const work = lookUpSettled(host, uid, signal).finally(() => {
    host.settling.delete(uid);
    held[Symbol.dispose]();
  });
  host.settling.set(
    uid,
    work.catch(() => undefined),
  );
  await work;
}

/** The same for callers without the lock: settles when no call works on the machine. */
export async function observeMachine(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<Machine | undefined> {
  let machine = await lookUp(host, uid, signal);
  if (machine !== undefined && isUnsettled(machine, host.options.clock.now())) {
    await (host.settling.get(uid) ?? settleAlone(host, uid, signal));
    machine = await lookUp(host, uid, signal);
  }
  return machine === undefined ? undefined : viewOf(host, machine, signal);
}
