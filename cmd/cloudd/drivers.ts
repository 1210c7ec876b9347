import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../drivers/contract/clock.ts';
import type { DataDir } from './data-dir.ts';
import type { Logger } from './log.ts';

/** The drivers that ship with cloudd; `spec.driver.name` names one of them. */
export const BUILT_IN_DRIVERS = ['sim', 'qemu', 'ipmi'] as const;

export type BuiltInDriver = (typeof BUILT_IN_DRIVERS)[number];

/** A driver that idles has a heap of 11 MiB; what its heap may grow to before it is ended and started again. */
const MAX_OLD_SPACE_MIB = 256;

/** How `cloudd driver NAME` is started for a driver without an endpoint of its own. */
export interface DriverProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stateDir: string;
  readonly socketDir: string;
  readonly log: (line: { readonly driver: string; readonly stream: string; readonly text: string }) => void;
  readonly clock: Clock;
}

/** The program of a built-in driver; undefined where there is none of that name. */
export function driverProgram(name: string, dirs: DataDir, log: Logger, clock: Clock): DriverProgram | undefined {
  const known = BUILT_IN_DRIVERS.find((one) => one === name);
  if (known === undefined) return undefined;
  // Where the stripped sources are kept: without it each driver loads a parser that takes 26 MiB.
  const cache = process.env.NODE_COMPILE_CACHE;
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  return {
    name: known,
    command: process.execPath,
    args: [
      `--max-old-space-size=${String(MAX_OLD_SPACE_MIB)}`,
      '--max-semi-space-size=2',
      '--disable-warning=ExperimentalWarning',
      main,
      'driver',
      known,
    ],
    // A driver finds programs by PATH and keeps nothing else of ours.
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8', ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
    stateDir: join(dirs.drivers, known),
    socketDir: dirs.run,
    log: ({ driver, stream, text }) => {
      log.info({ driver, stream }, text);
    },
    clock,
  };
}
