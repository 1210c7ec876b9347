// The ipmi driver as a process, as `cloudd driver ipmi` runs it.
import { runIpmi } from '../../drivers/ipmi/program.ts';
import { parseProgramArguments } from '../../drivers/serve/program.ts';
import { realClock } from './clock.ts';

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort(new Error(signal)));

await runIpmi(
  {
    options: parseProgramArguments(process.argv.slice(2)),
    io: { stdin: process.stdin, print: (line) => process.stdout.write(`${line}\n`), log: (line) => process.stderr.write(`${line}\n`) },
    clock: realClock,
  },
  ending.signal,
);
