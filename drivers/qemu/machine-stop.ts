import { DriverError } from '../contract/driver-error.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { writeMachine, type MachineRecord } from './machine-record.ts';
import { settle, type KnownMachine } from './machine-settle.ts';

export type StopMode = { readonly mode: 'graceful'; readonly deadlineMs: number } | { readonly mode: 'hard' };

/** The request on record after another one: the first graceful call counts, and only a hard one shortens it. */
export function nextStop(before: MachineRecord['stop'], how: StopMode, nowMs: number): NonNullable<MachineRecord['stop']> {
  if (how.mode === 'hard')
    return { mode: 'hard', sinceMs: before?.sinceMs ?? nowMs, deadlineAtMs: Math.min(before?.deadlineAtMs ?? nowMs, nowMs) };
  return before ?? { mode: 'graceful', sinceMs: nowMs, deadlineAtMs: nowMs + how.deadlineMs };
}

/** Begins to stop a machine, or stops it at once; the deadline is on record, so that whoever drives the host then keeps it. */
export async function stopEngine(host: HostEndpoint, machine: KnownMachine, how: StopMode, signal: AbortSignal): Promise<KnownMachine> {
  const { folder, facts } = machine;
  if (facts.kind === 'absent' && machine.record.run === undefined) return machine;
  const stop = nextStop(machine.record.stop, how, host.options.clock.now());
  const record: MachineRecord = { ...machine.record, stop };
  await writeMachine(folder, record, signal);
  host.dueStops.set(record.spec.owner.uid, stop.deadlineAtMs);
  if (stop.mode === 'graceful' && facts.kind === 'answers') {
    // A guest whose processors stand still hears nothing.
    if (facts.status === 'paused') await facts.connection.execute('cont', {}, signal);
    await facts.connection.execute('system_powerdown', {}, signal).catch((error: unknown) => {
      // The request is on record, and the deadline will do.
      if (signal.aborted || !(error instanceof DriverError)) throw error;
    });
  }
  host.changed(record.spec.owner.uid);
  return settle(host, { folder, record, facts }, signal);
}
