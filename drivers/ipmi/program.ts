import type { Clock } from '../contract/clock.ts';
import { runProgram, type ProgramIo, type ProgramOptions } from '../serve/program.ts';
import { createIpmiDriver } from './driver.ts';

export interface IpmiProgram {
  readonly options: ProgramOptions;
  readonly io: ProgramIo;
  readonly clock: Clock;
}

/** Runs the ipmi driver as a process; hosts stay as they are when it ends. */
export async function runIpmi({ options, io, clock }: IpmiProgram, signal: AbortSignal): Promise<void> {
  await runProgram(
    options,
    io,
    (stateDir) => {
      const life = new AbortController();
      return { driver: createIpmiDriver({ stateDir, clock, life: life.signal }), close: () => life.abort() };
    },
    signal,
  );
}
