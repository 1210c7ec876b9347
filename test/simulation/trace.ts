import { createHash } from 'node:crypto';

/** Everything that happened in a run, one line each; its hash identifies the run. */
export interface Trace {
  add(line: string): void;
  readonly length: number;
  /** Of all lines so far. */
  hash(): string;
  last(count: number): readonly string[];
}

/** Lines that are hashed in one go. */
const BATCH = 256;

/** An empty trace whose lines begin with the time in ms; of its lines it keeps the newest `keep`. */
export function createTrace(now: () => number, keep = 400): Trace {
  const hash = createHash('sha256');
  const kept: string[] = [];
  let fresh: string[] = [];
  let length = 0;
  const digest = (): void => {
    hash.update(fresh.join('\n')).update('\n');
    fresh = [];
  };
  return {
    add(line) {
      const timed = `${now().toFixed(3)} ${line}`;
      length += 1;
      fresh.push(timed);
      kept.push(timed);
      if (fresh.length >= BATCH) digest();
      if (kept.length > 2 * keep) kept.splice(0, kept.length - keep);
    },
    get length() {
      return length;
    },
    hash() {
      if (fresh.length > 0) digest();
      return hash.copy().digest('hex').slice(0, 16);
    },
    last: (count) => kept.slice(-Math.min(count, keep)),
  };
}
