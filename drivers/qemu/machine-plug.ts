import { DriverError } from '../contract/driver-error.ts';
import type { MachineDisk } from '../contract/machine.ts';
import { diskDevice, diskDeviceId, diskNode, diskNodeName, portNames } from './command-line.ts';
import { checkDiskFile, isDiskInUse } from './disk-access.ts';
import { isPlugged, lookAtEngine, type EngineFacts } from './engine-facts.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { writeMachine, type MachineRecord, type MachineRun } from './machine-record.ts';
import { settle, type KnownMachine } from './machine-settle.ts';
import { isHalted } from './machine-view.ts';

const LET_GO_MS = 5000;
const SECTOR = 512;

type Answering = Extract<EngineFacts, { kind: 'answers' }>;

interface RunningMachine extends KnownMachine {
  readonly record: MachineRecord & { readonly run: MachineRun };
  readonly facts: Answering;
}

/** The machine, if its guest runs and its engine answers; else FAILED_PRECONDITION or UNAVAILABLE. */
export function requireRunning(machine: KnownMachine): RunningMachine {
  const { record, facts } = machine;
  if (facts.kind === 'silent') throw new DriverError('UNAVAILABLE', 'BACKEND', 'the machine does not answer', { retryAfterMs: 2000 });
  if (facts.kind === 'absent' || isHalted(facts) || record.run === undefined) {
    throw new DriverError(
      'FAILED_PRECONDITION',
      'MACHINE_NOT_FOUND',
      'the machine does not run: its description says what the next start plugs in',
    );
  }
  return { ...machine, record: { ...record, run: record.run }, facts };
}

async function remember(machine: RunningMachine, run: Partial<MachineRun>, signal: AbortSignal): Promise<RunningMachine> {
  const record = { ...machine.record, run: { ...machine.record.run, ...run } };
  await writeMachine(machine.folder, record, signal);
  return { ...machine, record };
}

async function look(host: HostEndpoint, machine: RunningMachine, signal: AbortSignal): Promise<KnownMachine> {
  return { ...machine, facts: await lookAtEngine(host, machine, signal) };
}

function names(answer: unknown, key: string): readonly string[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((item: Readonly<Record<string, unknown>>) => (typeof item[key] === 'string' ? [item[key]] : []));
}

async function freePort({ record, facts }: RunningMachine, signal: AbortSignal): Promise<string> {
  const { connection } = facts;
  const devices = names(await connection.execute('qom-list', { path: '/machine/peripheral' }, signal), 'name');
  const taken = new Set<string>();
  for (const device of devices.filter((name) => name.startsWith('vd-') || name === 'seed')) {
    const bus = await connection.execute('qom-get', { path: `/machine/peripheral/${device}`, property: 'parent_bus' }, signal);
    taken.add(typeof bus === 'string' ? (bus.split('/').at(-1) ?? '') : '');
  }
  // The ports that this run began with: as many as its first disks wanted, so those that exist are asked for.
  const free = devices
    .filter((name) => /^rp\d+$/.test(name) && !taken.has(name))
    .sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)))[0];
  if (free !== undefined) return free;
  throw new DriverError(
    'RESOURCE_EXHAUSTED',
    'NO_CAPACITY',
    `all ${portNames(record.run.spec.disks.length).length} ports of the machine are taken until its next start`,
  );
}

async function openNode({ facts }: RunningMachine, disk: MachineDisk, signal: AbortSignal): Promise<void> {
  const nodes = names(await facts.connection.execute('query-named-block-nodes', { flat: true }, signal), 'node-name');
  if (!nodes.includes(diskNodeName(disk.uid))) await facts.connection.execute('blockdev-add', diskNode(disk), signal);
}

async function closeNode({ facts }: RunningMachine, diskUid: string, signal: AbortSignal): Promise<void> {
  const nodes = names(await facts.connection.execute('query-named-block-nodes', { flat: true }, signal), 'node-name');
  if (nodes.includes(diskNodeName(diskUid))) await facts.connection.execute('blockdev-del', { 'node-name': diskNodeName(diskUid) }, signal);
}

/** Plugs a disk into a running machine; plugged in already is fine. The caller holds the machine's lock. */
export async function plugDisk(host: HostEndpoint, known: KnownMachine, disk: MachineDisk, signal: AbortSignal): Promise<KnownMachine> {
  const machine = requireRunning(known);
  if (isPlugged(machine.facts, disk.uid)) return machine;
  await checkDiskFile(disk, signal);
  const before = machine.record.run;
  const disks = [...before.spec.disks.filter((other) => other.uid !== disk.uid), disk];
  const port = await freePort(machine, signal);
  const planned = await remember(machine, { spec: { ...before.spec, disks } }, signal);
  try {
    await openNode(planned, disk, signal);
    await planned.facts.connection.execute('device_add', diskDevice(disk, port), signal);
  } catch (error) {
    if (!(error instanceof DriverError) || error.code !== 'INTERNAL') throw error;
    await closeNode(planned, disk.uid, signal);
    await remember(planned, { spec: { ...before.spec, disks: disks.filter((other) => other.uid !== disk.uid) } }, signal);
    if (await isDiskInUse(disk.connection.attributes.path ?? '', host.options.clock, signal)) {
      throw new DriverError('FAILED_PRECONDITION', 'IN_USE', `disk ${disk.name} is held by another process`, {
        metadata: { uid: disk.uid },
        cause: error,
      });
    }
    throw error;
  }
  host.changed(machine.record.spec.owner.uid);
  return look(host, planned, signal);
}

async function forgetDisk(known: KnownMachine, diskUid: string, signal: AbortSignal): Promise<KnownMachine> {
  const { spec } = known.record;
  const disks = spec.disks.filter((disk) => disk.uid !== diskUid);
  if (disks.length === spec.disks.length) return known;
  const record = { ...known.record, spec: { ...spec, disks } };
  await writeMachine(known.folder, record, signal);
  return { ...known, record };
}

/** Asks the guest to let a disk go and waits up to 5 s; then ABORTED/GUEST_BUSY, and the driver closes it whenever the guest does. */
export async function unplugDisk(host: HostEndpoint, known: KnownMachine, diskUid: string, signal: AbortSignal): Promise<KnownMachine> {
  if (known.facts.kind === 'absent') return forgetDisk(known, diskUid, signal);
  const machine = requireRunning(known);
  const { run } = machine.record;
  if (!isPlugged(machine.facts, diskUid) && !run.spec.disks.some((disk) => disk.uid === diskUid)) return machine;
  const detaching = [...run.detaching.filter((uid) => uid !== diskUid), diskUid];
  let current: KnownMachine = await remember(machine, { detaching }, signal);
  if (isPlugged(machine.facts, diskUid)) {
    // Refused while an earlier request is pending; whether it works is read from the devices, not from this answer.
    await machine.facts.connection.execute('device_del', { id: diskDeviceId(diskUid) }, signal).catch((error: unknown) => {
      if (!(error instanceof DriverError) || error.code !== 'INTERNAL') throw error;
    });
  }
  const { clock } = host.options;
  const end = clock.monotonic() + LET_GO_MS;
  while (clock.monotonic() < end) {
    current = { ...current, facts: await lookAtEngine(host, current, signal) };
    if (!isPlugged(current.facts, diskUid)) return settle(host, current, signal);
    await clock.sleep(50, signal);
  }
  throw new DriverError('ABORTED', 'GUEST_BUSY', 'the guest has not let the disk go yet', {
    metadata: { uid: diskUid },
    retryAfterMs: 2000,
  });
}

/** Grows a plugged-in disk to at least `sizeBytes`; the engine would shrink without asking, so a smaller size is refused here. */
export async function growDisk(
  host: HostEndpoint,
  known: KnownMachine,
  disk: { readonly uid: string; readonly sizeBytes: number },
  signal: AbortSignal,
): Promise<KnownMachine> {
  const machine = requireRunning(known);
  const plugged = machine.facts.plugged.find((other) => other.deviceId === diskDeviceId(disk.uid));
  if (plugged === undefined)
    throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', 'the disk is not attached', { metadata: { uid: disk.uid } });
  const size = Math.ceil(disk.sizeBytes / SECTOR) * SECTOR;
  if (size < plugged.sizeBytes) {
    throw new DriverError('FAILED_PRECONDITION', 'SHRINK_REFUSED', `the disk has ${plugged.sizeBytes} bytes and never shrinks`, {
      metadata: { uid: disk.uid },
    });
  }
  if (size === plugged.sizeBytes) return machine;
  await machine.facts.connection.execute('block_resize', { 'node-name': diskNodeName(disk.uid), size }, signal);
  host.changed(disk.uid, 'disk');
  return look(host, machine, signal);
}
