import { hunt } from '../test/simulation/hunt.ts';

/** A world that goes wrong again and again says the same a thousand times. */
const MOST_SAID = 1_000;

// node hack/hunt.ts SCENARIO…: runs of all kinds until one fails, those of these scenarios first; a line for each, and FOUND at the end where one did.
for await (const { replay, why } of hunt(process.argv.slice(2))) {
  console.log(why.length === 0 ? replay : `FOUND ${replay}: ${(why[0] ?? '').slice(0, MOST_SAID)}`);
  if (why.length > 0) process.exit(1);
}
