import type { Machine, MachineDisk, PowerState } from '../contract/machine.ts';
import { diskDeviceId } from './command-line.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { MachineRecord } from './machine-record.ts';
import { changedFields } from './machine-spec.ts';

/** How long a start that its driver did not survive may still come true. */
const START_MS = 15_000;

/** Whether the guest's run is over although the engine's process stays: what `-no-shutdown` and a caught panic leave. */
export function isHalted(facts: EngineFacts): boolean {
  return facts.kind === 'answers' && ['shutdown', 'guest-panicked', 'internal-error'].includes(facts.status);
}

/** Whether a start is under way, so that a missing process proves nothing yet. */
function isStarting(record: MachineRecord, nowMs: number): boolean {
  return record.run !== undefined && !record.run.confirmed && nowMs - record.run.startedAtMs < START_MS;
}

/** Why the run on record ended; undefined while it has not. */
export function endOf(record: MachineRecord, facts: EngineFacts, nowMs: number): MachineRecord['lastStopCause'] {
  if (record.run === undefined) return undefined;
  if (facts.kind === 'answers' && isHalted(facts)) {
    if (facts.status !== 'shutdown') return 'crashed';
    return record.stop === undefined ? 'guest-shutdown' : 'requested';
  }
  if (facts.kind === 'absent' && !isStarting(record, nowMs)) return record.stop === undefined ? 'crashed' : 'requested';
  return undefined;
}

/** The power state that the facts prove. */
export function powerOf(record: MachineRecord, facts: EngineFacts, nowMs: number): PowerState {
  switch (facts.kind) {
    case 'silent':
      return 'unknown';
    case 'absent':
      return isStarting(record, nowMs) ? 'unknown' : 'stopped';
    case 'answers':
      if (isHalted(facts)) return 'stopped';
      return facts.status === 'running' ? 'running' : 'paused';
  }
}

function disksOf(record: MachineRecord, facts: EngineFacts, sizes: ReadonlyMap<string, number>): Machine['disks'] {
  const known: readonly MachineDisk[] = facts.kind === 'absent' ? record.spec.disks : (record.run?.spec.disks ?? record.spec.disks);
  return known.flatMap(({ name, uid, readOnly }) => {
    if (facts.kind !== 'answers') return [{ name, uid, readOnly, sizeBytes: sizes.get(uid) ?? 0 }];
    const plugged = facts.plugged.find((disk) => disk.deviceId === diskDeviceId(uid));
    return plugged === undefined ? [] : [{ name, uid, readOnly: plugged.readOnly, sizeBytes: plugged.sizeBytes }];
  });
}

function driftOf(record: MachineRecord, facts: EngineFacts): readonly string[] {
  if (facts.kind !== 'answers' || record.run === undefined) return [];
  const { spec, detaching } = record.run;
  const plugged = new Set(facts.plugged.map((disk) => disk.deviceId));
  const expected = spec.disks.filter((disk) => !detaching.includes(disk.uid)).map((disk) => diskDeviceId(disk.uid));
  const possible = new Set(spec.disks.map((disk) => diskDeviceId(disk.uid)));
  return expected.every((id) => plugged.has(id)) && [...plugged].every((id) => possible.has(id)) ? [] : ['disks'];
}

/** What is true of a machine, from its record, its engine, and the sizes of its disks (by uid, for when no engine tells them); pure. */
export function describeMachine(
  record: MachineRecord,
  { facts, sizes, nowMs }: { readonly facts: EngineFacts; readonly sizes: ReadonlyMap<string, number>; readonly nowMs: number },
): Machine {
  const power = powerOf(record, facts, nowMs);
  const runs = power === 'running' || power === 'paused';
  const shown = power === 'stopped' ? record.spec : (record.run?.spec ?? record.spec);
  return {
    id: record.spec.owner.uid,
    name: record.spec.owner.name,
    owner: record.spec.owner,
    released: record.released,
    power,
    ...(power === 'stopped' ? { stopCause: endOf(record, facts, nowMs) ?? record.lastStopCause ?? 'never-started' } : {}),
    ...(power !== 'stopped' && record.stop !== undefined ? { stoppingSinceMs: record.stop.sinceMs } : {}),
    cpus: shown.cpus,
    memoryBytes: shown.memoryBytes,
    disks: disksOf(record, facts, sizes),
    interfaces: shown.interfaces.map(({ name, mac }) => ({ name, mac, addresses: [] })),
    pendingChanges: runs && record.run !== undefined ? changedFields(record.spec, record.run.spec) : [],
    drift: driftOf(record, facts),
    generation: record.fence.generation,
    placementEpoch: record.fence.placementEpoch,
  };
}
