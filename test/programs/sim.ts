// The sim driver as a process, as `cloudd driver sim` runs it.
import { parseProgramArguments } from '../../drivers/serve/program.ts';
import { runSim } from '../../drivers/sim/program.ts';
import { realClock } from './clock.ts';

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort(new Error(signal)));

await runSim(
  {
    options: parseProgramArguments(process.argv.slice(2)),
    io: { stdin: process.stdin, print: (line) => process.stdout.write(`${line}\n`), log: (line) => process.stderr.write(`${line}\n`) },
    clock: realClock,
    version: '0.1.0',
    die: () => process.kill(process.pid, 'SIGKILL'),
  },
  ending.signal,
);
