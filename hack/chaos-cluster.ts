import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readHistory, saveHistory } from '../test/store/cluster/history-file.ts';
import { judge, runCluster, type RunReport } from '../test/store/cluster/run.ts';

// Faults of a cluster of three etcd members under load, run after run; ends with 1 where a promise was broken.
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    /** Writes asked for in a second, one run after the other. */
    rates: { type: 'string', default: '50,200,500,1000' },
    servers: { type: 'string', default: '1' },
    /** Milliseconds between two faults. */
    calm: { type: 'string', default: '3000' },
    /** A folder for the histories of runs that found something. */
    out: { type: 'string' },
    /** Keeps the histories of all runs there. */
    'keep-all': { type: 'boolean', default: false },
    /** Judges a history that was kept, and runs nothing. */
    judge: { type: 'string' },
  },
});
const { signal } = new AbortController();
const rates = values.rates.split(',').map(Number);
let broken = 0;

function report(what: object, { violations, ...figures }: RunReport): void {
  broken += violations.length === 0 ? 0 : 1;
  console.log(JSON.stringify({ ...what, violations: violations.length, first: violations.slice(0, 5), ...figures }));
}

async function runOnce(run: number): Promise<void> {
  const seed = Number(values.seed) + run;
  const [seconds, servers, calmMs] = [values.seconds, values.servers, values.calm].map(Number) as [number, number, number];
  const options = { seed, seconds, writesPerSecond: rates[run % rates.length] ?? 50, servers, calmMs };
  const history = await runCluster(options, signal);
  const judgement = judge(history);
  const kept = values.out !== undefined && (values['keep-all'] || judgement.violations.length > 0);
  if (values.out !== undefined && kept) {
    await mkdir(values.out, { recursive: true });
    await saveHistory(join(values.out, `${String(seed)}.json`), history, signal);
  }
  report(options, judgement);
}

if (values.judge === undefined) {
  for (let run = 0; run < Number(values.runs); run += 1) await runOnce(run);
  console.log(`${String(broken)} of ${values.runs} runs broke a promise`);
} else report({ file: values.judge }, judge(await readHistory(values.judge, signal)));
process.exitCode = broken === 0 ? 0 : 1;
