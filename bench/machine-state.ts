import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { latencyOf } from './jobs.ts';

/** What else the machine was doing, and how fast its disk was. */
export interface MachineState {
  readonly load: number;
  readonly fsyncP50Ms: number;
  readonly fsyncPerSecond: number;
}

const PROBE_MS = 250;
const PROBE_BYTES = 2_048;

/** Writes and syncs for a quarter of a second. */
export function machineState(folder: string): MachineState {
  const path = join(folder, 'fsync-probe');
  const file = openSync(path, 'w');
  const times: number[] = [];
  const until = performance.now() + PROBE_MS;
  while (performance.now() < until) {
    const start = performance.now();
    writeSync(file, Buffer.alloc(PROBE_BYTES, 1));
    fdatasyncSync(file);
    times.push(performance.now() - start);
  }
  closeSync(file);
  rmSync(path);
  return { load: loadavg()[0] ?? 0, fsyncP50Ms: latencyOf(times).p50, fsyncPerSecond: times.length / (PROBE_MS / 1_000) };
}
