import { NOTHING, sum, tallyOfChecks, tallyOfJest, totalLine, type JestReport } from './tally.ts';

const report = (statuses: readonly string[], broken = 0): JestReport => ({
  numPassedTests: statuses.filter((status) => status === 'passed').length,
  numFailedTests: statuses.filter((status) => status === 'failed').length,
  numRuntimeErrorTestSuites: broken,
  testResults: [
    { name: 'a.test.ts', startTime: 10, endTime: 25, assertionResults: statuses.map((status) => ({ fullName: status, status })) },
  ],
});
const lineOf = (tally: typeof NOTHING, ci = false) => totalLine(tally, { ci });

describe('the total of a test run', () => {
  test('checkers and tests count alike', () => {
    const checks = tallyOfChecks(
      [
        { name: 'tsc', passed: true, ms: 1 },
        { name: 'knip', passed: false, ms: 1 },
      ],
      1,
    );
    expect(lineOf(sum(checks, tallyOfJest(report(['passed', 'failed']), 1)))).toEqual({ line: '2 passed, 2 failed', good: false });
  });

  test('skipped tests are told, and in CI they are failures', () => {
    const tally = tallyOfJest(report(['passed', 'pending', 'todo']), 0);
    expect(lineOf(tally)).toEqual({ line: '1 passed, 0 failed, 2 skipped', good: true });
    expect(lineOf(tally, true)).toEqual({ line: '1 passed, 2 failed', good: false });
  });

  test.each([
    ['no test at all', NOTHING],
    ['nothing but skipped tests', tallyOfJest(report(['pending']), 0)],
    ['a file that cannot run', tallyOfJest(report(['passed'], 1), 1)],
    ['a runner that died without a report', tallyOfJest(undefined, 1)],
    ['a runner that ended without a report', tallyOfJest(undefined, 0)],
    ['a bad exit that names no test', tallyOfJest(report(['passed']), 1)],
    ['a check that died', tallyOfChecks(undefined, 1)],
  ])('%s is never good', (_why, tally) => {
    expect(lineOf(tally).good).toBe(false);
  });

  test('a run where everything passed is good', () => {
    expect(lineOf(tallyOfJest(report(['passed', 'passed']), 0))).toEqual({ line: '2 passed, 0 failed', good: true });
  });
});
