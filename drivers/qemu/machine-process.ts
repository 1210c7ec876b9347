import { readFileSync, readdirSync } from 'node:fs';
import { codeOf, isAbsent } from '../serve/record-file.ts';

/** A process that is sure to be the one meant: its pid, and when it started (clock ticks since boot). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // A process that ends between two reads answers ESRCH.
    if (isAbsent(error) || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** What /proc/PID/stat says; undefined for what is dead, a zombie too. */
export function parseStat(stat: string): { readonly startTicks: string } | undefined {
  // The program's name is in parentheses and may hold anything, so fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined || 'ZXx'.includes(state) ? undefined : { startTicks };
}

/** The living process with this pid; undefined where there is none, or only its zombie. */
export function processOf(pid: number): ProcessIdentity | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  const parsed = stat === undefined ? undefined : parseStat(stat);
  return parsed === undefined ? undefined : { pid, startTicks: parsed.startTicks };
}

/** Whether exactly this process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processOf(identity.pid)?.startTicks === identity.startTicks;
}

function commandLineOf(pid: number): readonly string[] {
  return readOrNothing(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
}

function holdsPidFile(argv: readonly string[], pidFile: string): boolean {
  return argv.some((argument, index) => argument === '-pidfile' && argv[index + 1] === pidFile);
}

/** The living engine that was started with `-pidfile pidFile`; a pid that meanwhile belongs to something else is not taken for it. */
export function findEngine(pidFile: string): ProcessIdentity | undefined {
  const pid = Number.parseInt(readOrNothing(pidFile) ?? '', 10);
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const identity = processOf(pid);
  return identity !== undefined && holdsPidFile(commandLineOf(pid), pidFile) ? identity : undefined;
}

/** The same by looking at every process: for when the pid file is lost, or not yet written. */
export function searchEngine(pidFile: string): ProcessIdentity | undefined {
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isSafeInteger(pid) && holdsPidFile(commandLineOf(pid), pidFile)) return processOf(pid);
  }
  return undefined;
}

/** Kills exactly this process; gone already is fine. */
export function killProcess(identity: ProcessIdentity): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
