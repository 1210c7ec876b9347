import type { Relapses } from './facts.ts';
import type { Conclusion } from './say.ts';

/** So many runs in a row that ended by themselves are a loop. */
const LOOP = 3;

const CAUSES = { crashed: 'crashed', 'guest-shutdown': 'shut itself down' } as const;

/**
 * What is said of a VM whose guest ends again and again, whether it waits for its start, starts or runs: the same, so that nothing is written for each
 * time; undefined: it does not.
 */
export function loopOf(relapses: Relapses | undefined): Conclusion | undefined {
  if (relapses === undefined || relapses.inRow < LOOP) return undefined;
  const message = `the guest ${CAUSES[relapses.cause]} again and again: it is started again after a delay that grows to 5 min, and is ready once it has run for 10 min`;
  const lookAgainMs = relapses.waitMs > 0 ? relapses.waitMs : relapses.wellInMs;
  return { status: 'False', reason: 'CrashLoop', message, ...(lookAgainMs > 0 && { lookAgainMs }) };
}
