import type { Check } from './check.ts';
import { createRigs } from './rig.ts';
import type { Subject } from './subject.ts';
import { CHECK_MS, checkNothingLeft, GROUPS, runCheck, strangersIn } from './suite.ts';

/** What became of one check. */
export interface CheckResult {
  readonly group: string;
  readonly title: string;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'does not apply';
  /** Why it failed, or is skipped. */
  readonly why?: string;
  readonly tookMs: number;
}

/** Rejects after the time that one check may take. */
async function inTime<T>(work: Promise<T>, { clock }: Subject): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(CHECK_MS, done.signal).then(
    () => Promise.reject(new Error(`it did not end within ${CHECK_MS} ms`)),
    () => work,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort(new Error('done'));
  }
}

async function resultOf(group: string, title: string, subject: Subject, run: () => Promise<boolean>): Promise<CheckResult> {
  const from = subject.clock.monotonic();
  const tookMs = (): number => subject.clock.monotonic() - from;
  try {
    const said = await inTime(run(), subject);
    return { group, title, outcome: said ? 'passed' : 'does not apply', tookMs: tookMs() };
  } catch (error) {
    return { group, title, outcome: 'failed', why: error instanceof Error ? error.message : String(error), tookMs: tookMs() };
  }
}

/**
 * Runs the suite that every driver must pass, check by check, without a test runner. `skip` lists what the driver cannot do, by title, each with the
 * reason; throws where a title is no check's. `only`: those checks alone whose titles have it. Ends early, and leaves the driver as it is then, once
 * `signal` aborts.
 */
export async function* runConformance(
  subject: Subject,
  { skip, only = '' }: { readonly skip: Readonly<Record<string, string>>; readonly only?: string },
  signal: AbortSignal,
): AsyncGenerator<CheckResult, void, undefined> {
  const [stranger] = strangersIn(skip);
  if (stranger !== undefined) throw new Error(`there is no check ${JSON.stringify(stranger)} to skip`);
  const rigs = createRigs(subject, `c${subject.clock.now().toString(36)}`);
  const run = (check: Check) => (): Promise<boolean> => runCheck(check, subject, rigs());
  for (const [group, checks] of Object.entries(GROUPS)) {
    for (const check of checks.filter(({ title }) => title.includes(only))) {
      const { title } = check;
      const why = skip[title];
      if (signal.aborted) return;
      if (why === undefined) yield await resultOf(group, title, subject, run(check));
      else yield { group, title, outcome: 'skipped', why, tookMs: 0 };
    }
  }
  yield await resultOf('at the end', 'nothing that the suite made is left', subject, async () => {
    await checkNothingLeft(rigs());
    return true;
  });
}
