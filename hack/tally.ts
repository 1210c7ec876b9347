import type { CheckResult } from './check.ts';

/** How many tests ended how, over one part or all. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** The full names of the skipped tests. */
  readonly skipped: readonly string[];
  readonly files: readonly { readonly name: string; readonly ms: number }[];
}

/** The part of jest's JSON report that counts. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not be run at all: they count as one failed test each. */
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** The tally before anything ran. */
export const NOTHING: Tally = { passed: 0, failed: 0, skipped: [], files: [] };

/** Two tallies as one. */
export function sum(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: [...a.skipped, ...b.skipped],
    files: [...a.files, ...b.files],
  };
}

/** A runner that ended badly without naming a failed test, or that left no report, has failed once. */
function blame(tally: Tally, code: number): Tally {
  return code !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}

/** Each checker counts as one test. */
export function tallyOfChecks(results: readonly CheckResult[] | undefined, code: number): Tally {
  if (results === undefined) return { ...NOTHING, failed: 1 };
  const passed = results.filter((result) => result.passed).length;
  return blame({ ...NOTHING, passed, failed: results.length - passed }, code);
}

/** What jest's report and exit code say together. */
export function tallyOfJest(report: JestReport | undefined, code: number): Tally {
  if (report === undefined) return { ...NOTHING, failed: 1 };
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const skipped = tests.filter(({ status }) => ['pending', 'skipped', 'disabled', 'todo'].includes(status)).map(({ fullName }) => fullName);
  const files = report.testResults.map(({ name, startTime, endTime }) => ({ name, ms: Math.max(0, endTime - startTime) }));
  return blame({ passed: report.numPassedTests, failed: report.numFailedTests + report.numRuntimeErrorTestSuites, skipped, files }, code);
}

/** The last line of a test run, and whether the run is good: in CI a skipped test is a failed one, and no test at all is never good. */
export function totalLine(
  { passed, failed, skipped }: Tally,
  { ci }: { readonly ci: boolean },
): { readonly line: string; readonly good: boolean } {
  const lost = failed + (ci ? skipped.length : 0);
  const rest = ci || skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  return { line: `${passed} passed, ${lost} failed${rest}`, good: lost === 0 && passed > 0 };
}
