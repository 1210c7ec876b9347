import { join } from 'node:path';
import type { Clock } from '../contract/clock.ts';
import { runProgram } from '../serve/program.ts';
import type { ProgramIo, ProgramOptions } from '../serve/program.ts';
import { serveControl } from './control.ts';
import { createSimDriver } from './driver.ts';

export interface SimProgram {
  readonly options: ProgramOptions;
  readonly io: ProgramIo;
  readonly clock: Clock;
  readonly version: string;
  /** Ends the process at once, for the fault `die`. */
  readonly die: () => void;
}

/** Runs the simulated data centre as a process: its world is `world.db` in the state folder, its commands come on `control.sock` there. */
export async function runSim({ options, io, clock, version, die }: SimProgram, signal: AbortSignal): Promise<void> {
  await runProgram(
    options,
    io,
    async (stateDir) => {
      const sim = createSimDriver({ worldFile: join(stateDir, 'world.db'), clock, version, die });
      const control = await serveControl(sim, stateDir);
      const close = (): void => {
        control.close();
        sim.close();
      };
      return { driver: sim.driver, close };
    },
    signal,
  );
}
