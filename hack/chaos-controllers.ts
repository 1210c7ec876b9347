import { parseArgs } from 'node:util';
import { runChaos, type ChaosOptions } from '../test/chaos/run.ts';

// Real controllers, API servers and drivers under faults, seed after seed; ends with 1 where something must not be and is.
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    /** Instead of all faults: so many pauses of leaders, of 0.5 to 3 lease times. */
    pauses: { type: 'string', default: '0' },
    pods: { type: 'string', default: '20' },
    vms: { type: 'string', default: '60' },
    'lease-seconds': { type: 'string' },
    /** Seconds in which all must be settled after the last fault. */
    bound: { type: 'string', default: '180' },
    /** Seconds for which nothing may change then. */
    quiet: { type: 'string', default: '30' },
    /** Milliseconds between two faults, at most. */
    calm: { type: 'string', default: '3000' },
    /** A folder for what the processes of a run print that finds something. */
    logs: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
const pauses = Number(values.pauses);
let broken = 0;

for (let run = 0; run < Number(values.runs); run += 1) {
  const options: ChaosOptions = {
    seed: Number(values.seed) + run,
    seconds: Number(values.seconds),
    pauses,
    podsPerZone: Number(values.pods),
    vms: Number(values.vms),
    leaseSeconds: Number(values['lease-seconds'] ?? (pauses > 0 ? 1 : 3)),
    boundSeconds: Number(values.bound),
    quietSeconds: Number(values.quiet),
    calmMs: Number(values.calm),
    ...(values.logs !== undefined && { logs: values.logs }),
  };
  console.log(`seed ${options.seed}: ${pauses > 0 ? `${pauses} pauses of leaders` : `faults for ${options.seconds} s`}`);
  const tell = (sentence: string): void => {
    if (values.verbose || sentence.includes('VIOLATION')) console.log(sentence);
  };
  const { violations, ...figures } = await runChaos(options, tell, interrupted.signal);
  broken += violations.length === 0 ? 0 : 1;
  console.log(JSON.stringify({ seed: options.seed, violations: violations.length, ...figures }));
}
console.log(`${broken} of ${values.runs} runs broke a promise`);
process.exitCode = broken === 0 ? 0 : 1;
