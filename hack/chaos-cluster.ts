import { parseArgs } from 'node:util';
import { runCluster } from '../test/store/cluster/run.ts';

// Faults of a cluster of three etcd members under load, run after run; ends with 1 where a promise was broken.
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '1' }, seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const RATES = [50, 200, 500, 1000];
let broken = 0;
for (let run = 0; run < Number(values.runs); run += 1) {
  const options = { seed: Number(values.seed) + run, seconds: Number(values.seconds), writesPerSecond: RATES[run % RATES.length] ?? 50 };
  const { violations, ...figures } = await runCluster(options, new AbortController().signal);
  broken += violations.length === 0 ? 0 : 1;
  console.log(JSON.stringify({ ...options, violations: violations.length, first: violations.slice(0, 5), ...figures }));
}
console.log(`${String(broken)} of ${values.runs} runs broke a promise`);
process.exitCode = broken === 0 ? 0 : 1;
