import type { ProgramIo, ProgramOptions } from '../../drivers/serve/program.ts';
import { projectVersion } from '../version.ts';
import { systemClock } from '../clock.ts';
import { BUILT_IN_DRIVERS, type BuiltInDriver } from './drivers.ts';
import { OperatorError } from './operator-error.ts';

type Run = (options: ProgramOptions, io: ProgramIo, signal: AbortSignal) => Promise<void>;

/** How each built-in driver runs; each is loaded only in its own process. */
const RUNS: Readonly<Record<BuiltInDriver, Run>> = {
  async sim(options, io, signal) {
    const { runSim } = await import('../../drivers/sim/program.ts');
    await runSim({ options, io, clock: systemClock(), version: projectVersion(), die: () => process.exit(1) }, signal);
  },
  async qemu(options, io, signal) {
    const { runQemu } = await import('../../drivers/qemu/program.ts');
    await runQemu({ options, io, clock: systemClock() }, signal);
  },
  async ipmi(options, io, signal) {
    const { runIpmi } = await import('../../drivers/ipmi/program.ts');
    await runIpmi({ options, io, clock: systemClock() }, signal);
  },
};

/** `cloudd driver NAME ARGS`: serves one built-in driver until it is stopped or its parent is gone. What it manages goes on. */
export async function driver(name: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const known = BUILT_IN_DRIVERS.find((one) => one === name);
  if (known === undefined)
    throw new OperatorError(`there is no driver ${JSON.stringify(name)}: the built-in ones are ${BUILT_IN_DRIVERS.join(', ')}`);
  const { parseProgramArguments } = await import('../../drivers/serve/program.ts');
  const io: ProgramIo = {
    stdin: process.stdin,
    print: (line) => process.stdout.write(`${line}\n`),
    log: (line) => process.stderr.write(`${line}\n`),
  };
  await RUNS[known](parseArguments(parseProgramArguments, args), io, signal);
}

function parseArguments(parse: (args: readonly string[]) => ProgramOptions, args: readonly string[]): ProgramOptions {
  try {
    return parse(args);
  } catch (error) {
    throw new OperatorError(`cloudd driver: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
