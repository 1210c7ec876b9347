import { parseArgs } from 'node:util';
import { runDurability } from '../test/store/cluster/durability.ts';

// Rounds of kill -9 of server and store under load, on the same data; ends with 1 where a promise was broken.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    store: { type: 'string', default: 'both' },
    seed: { type: 'string', default: '1' },
  },
});
const stores = (['sqlite', 'etcd'] as const).filter((store) => values.store === 'both' || values.store === store);
if (stores.length === 0) throw new Error('--store is sqlite, etcd or both');
let broken = 0;
for (const store of stores) {
  const startedMs = performance.now();
  const options = { store, rounds: Number(values.rounds), seed: Number(values.seed) };
  const { violations, ...figures } = await runDurability(options, new AbortController().signal);
  broken += violations.length;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  console.log(JSON.stringify({ ...options, seconds, violations: violations.length, first: violations.slice(0, 5), ...figures }));
}
console.log(`${String(broken)} promises broken in ${values.rounds} rounds on ${stores.join(' and ')}`);
process.exitCode = broken === 0 ? 0 : 1;
