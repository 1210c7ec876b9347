import { open, stat } from 'node:fs/promises';
import { copyFile } from 'node:fs/promises';
import type { HostEndpoint } from './host-endpoint.ts';
import { findEngine } from './machine-process.ts';
import { listMachineFolders, machineFolder, readMachine } from './machine-record.ts';
import { observeMachine } from './machine-settle.ts';
import { isAbsent } from '../serve/record-file.ts';

const TICK_MS = 500;
const TICKS_PER_TRIM = 60;
const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** Looks at a machine, which settles it; what goes wrong is tried again at the next tick or call. */
export async function settleSoon(host: HostEndpoint, uid: string, signal: AbortSignal): Promise<void> {
  try {
    await observeMachine(host, uid, signal);
  } catch (error) {
    if (!signal.aborted) host.options.log(`machine ${uid}: ${error instanceof Error ? error.message : 'could not be looked at'}`);
  }
}

/** Takes up what an earlier process left: listens to running machines, and knows when stops are due. */
export async function adoptMachines(host: HostEndpoint, signal: AbortSignal): Promise<void> {
  for (const folder of await listMachineFolders(host.dir, signal)) {
    const record = await readMachine(folder, signal);
    if (record === undefined) continue;
    const { uid } = record.spec.owner;
    if (record.stop !== undefined) host.dueStops.set(uid, record.stop.deadlineAtMs);
    if (record.run !== undefined || findEngine(folder.pidFile) !== undefined) await settleSoon(host, uid, signal);
  }
}

async function trim(path: string): Promise<void> {
  try {
    if ((await stat(path)).size <= MAX_LOG_BYTES) return;
    await copyFile(path, `${path}.1`);
    // The engine appends, so it goes on at the new end; what it wrote in between is lost.
    const handle = await open(path, 'r+');
    await handle.truncate(0);
    await handle.close();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

async function trimLogs(host: HostEndpoint, signal: AbortSignal): Promise<void> {
  for (const folder of await listMachineFolders(host.dir, signal)) {
    await trim(folder.serialLog);
    await trim(folder.engineLog);
  }
}

async function tick(host: HostEndpoint, count: number, signal: AbortSignal): Promise<void> {
  const nowMs = host.options.clock.now();
  const due = [...host.dueStops].filter(([, atMs]) => atMs <= nowMs).map(([uid]) => uid);
  await Promise.all(due.map((uid) => settleSoon(host, uid, signal)));
  for (const uid of due) {
    const record = await readMachine(machineFolder(host.dir, uid), signal);
    if (record?.stop === undefined) host.dueStops.delete(uid);
  }
  if (count % TICKS_PER_TRIM === 0) await trimLogs(host, signal);
}

/** Finishes overdue stops and bounds the logs until `signal` aborts. */
export async function runTicker(host: HostEndpoint, signal: AbortSignal): Promise<void> {
  for (let count = 1; ; count += 1) {
    try {
      await host.options.clock.sleep(TICK_MS, signal);
      await tick(host, count, signal);
    } catch (error) {
      if (signal.aborted) return;
      host.options.log(`host ${host.dir}: ${error instanceof Error ? error.message : 'tick failed'}`);
    }
  }
}
