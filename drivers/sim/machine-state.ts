import { createHash } from 'node:crypto';
import type { Machine, StopCause } from '../contract/machine.ts';
import type { Description, HostDoc, MachineDoc } from './documents.ts';

type Leased = Pick<HostDoc, 'lease'>;

/** When the lease of a host stops its leased machines; never, where none is in force. */
export function leaseEndMs({ lease }: Leased): number {
  return lease === undefined || lease.durationMs === 0 ? Infinity : lease.issuedMs + lease.durationMs;
}

/** Whether the lease that is in force on the host would stop the machine. */
function isLeased({ owner, released, description }: MachineDoc, host: Leased): boolean {
  return owner !== undefined && !released && description.leased === true && leaseEndMs(host) < Infinity;
}

/** What ends the run of a machine first, by time alone; undefined: nothing does. */
function endOf(machine: MachineDoc, host: Leased): { readonly atMs: number; readonly cause: StopCause } | undefined {
  const { active, stop } = machine;
  if (active === undefined) return undefined;
  const leasedMs = isLeased(machine, host) ? leaseEndMs(host) : Infinity;
  if (stop !== undefined && stop.endsMs <= leasedMs) return { atMs: stop.endsMs, cause: stop.cause };
  return leasedMs < Infinity ? { atMs: leasedMs, cause: 'lease-expired' } : undefined;
}

/** The machine of a host after all that time has done to it until `nowMs`: a stop that was due, or was the lease's, has happened. */
export function settled(machine: MachineDoc, host: Leased, nowMs: number): MachineDoc {
  const end = endOf(machine, host);
  if (end === undefined || nowMs < end.atMs) return machine;
  const { active: _active, stop: _stop, ...rest } = machine;
  return { ...rest, lastCause: end.cause };
}

/** Moments, after `nowMs`, at which the machine changes by itself. */
export function momentsOf(machine: MachineDoc, nowMs: number): readonly number[] {
  const moments = machine.active === undefined ? [] : [machine.bootedMs, ...(machine.stop === undefined ? [] : [machine.stop.endsMs])];
  return moments.filter((moment) => moment > nowMs);
}

/** A documentation address (198.18.0.0/15) that always belongs to this hardware address. */
function addressOf(mac: string): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(mac).digest();
  return `198.${18 + (a & 1)}.${b}.${1 + (c % 254)}`;
}

const FIELDS: readonly (readonly [string, (of: Description) => unknown])[] = [
  ['cpus', ({ cpus }) => cpus],
  ['memory', ({ memoryBytes }) => memoryBytes],
  ['boot', ({ boot }) => boot ?? null],
  ['disks', ({ disks }) => disks.map(({ name, uid, readOnly }) => [name, uid, readOnly])],
  ['interfaces', ({ interfaces }) => interfaces.map(({ name, mac, mode, bridge }) => [name, mac, mode, bridge ?? ''])],
  ['userData', ({ userData }) => userData ?? ''],
];

/** Names of the fields in which two descriptions differ. */
export function differences(one: Description, other: Description): readonly string[] {
  return FIELDS.filter(([, value]) => JSON.stringify(value(one)) !== JSON.stringify(value(other))).map(([name]) => name);
}

/** What is true of a settled machine of a host; `sizeOf` knows the sizes of its disks. */
export function observed(machine: MachineDoc, host: Leased, nowMs: number, sizeOf: (pool: string, uid: string) => number): Machine {
  const runs = machine.active !== undefined;
  const now = machine.active ?? machine.description;
  const booted = runs && nowMs >= machine.bootedMs;
  return {
    id: machine.id,
    name: machine.name,
    ...(machine.owner !== undefined && { owner: machine.owner }),
    released: machine.released,
    power: runs ? 'running' : 'stopped',
    ...(!runs && { stopCause: machine.lastCause }),
    ...(machine.stop !== undefined && { stoppingSinceMs: machine.stop.beganMs }),
    cpus: now.cpus,
    memoryBytes: now.memoryBytes,
    disks: now.disks.map(({ name, uid, readOnly, connection }) => {
      return { name, uid, readOnly, sizeBytes: sizeOf(connection.attributes.pool ?? '', uid) };
    }),
    interfaces: now.interfaces.map(({ name, mac }) => ({ name, mac, addresses: booted ? [addressOf(mac)] : [] })),
    pendingChanges: machine.active === undefined ? [] : differences(machine.active, machine.description),
    drift: machine.drift,
    ...(isLeased(machine, host) && { leased: true }),
    generation: machine.seen.generation,
    placementEpoch: machine.seen.placementEpoch,
  };
}
