import type { Clock } from '../contract/clock.ts';
import { runProgram, type ProgramIo, type ProgramOptions } from '../serve/program.ts';
import { createQemuDriver } from './driver.ts';

export interface QemuProgram {
  readonly options: ProgramOptions;
  readonly io: ProgramIo;
  readonly clock: Clock;
}

/** Runs the qemu driver as a process; machines and disks stay when it ends. */
export async function runQemu({ options, io, clock }: QemuProgram, signal: AbortSignal): Promise<void> {
  await runProgram(
    options,
    io,
    (stateDir) => {
      const life = new AbortController();
      const driver = createQemuDriver({ stateDir, clock, log: (message) => io.log(message), life: life.signal });
      return Promise.resolve({ driver, close: () => life.abort() });
    },
    signal,
  );
}
