import { writeFile } from 'node:fs/promises';
import { CHECKERS, type Checker } from './checkers.ts';

/** How one checker ended, for people and for the test runner's total. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly ms: number;
}

const AT_ONCE = 2;

async function runChecker(checker: Checker, fix: boolean, signal: AbortSignal): Promise<CheckResult> {
  const start = performance.now();
  const { complaints, covered } = await checker.check({ fix }, signal).catch((error: unknown) => ({
    complaints: error instanceof Error ? (error.stack ?? error.message) : String(error),
    covered: {},
  }));
  const ms = Math.round(performance.now() - start);
  const counts = Object.entries(covered);
  const sawNothing = counts.length === 0 || counts.some(([, count]) => count === 0);
  const passed = complaints === '' && !sawNothing;
  const coverage = counts.map(([what, count]) => `${count} ${what}`).join(', ');
  console.log(
    `${passed ? 'ok  ' : 'FAIL'} ${checker.name.padEnd(18)} ${(ms / 1000).toFixed(1).padStart(5)} s  covered ${coverage || 'nothing'}`,
  );
  if (complaints !== '') console.log(complaints.trimEnd().replace(/^/gm, '     '));
  else if (sawNothing) console.log('     It looked at nothing, so it proves nothing: mend its configuration.');
  return { name: checker.name, passed, ms };
}

/** Runs every checker, two at a time, and prints what each covered. */
async function check({ fix }: { readonly fix: boolean }, signal: AbortSignal): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  const waiting = [...CHECKERS];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(await runChecker(next, fix, signal));
  };
  // A fixer writes the files that others read: one after another then.
  await Promise.all(Array.from({ length: fix ? 1 : AT_ONCE }, work));
  return results;
}

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
});
const args = process.argv.slice(2);
const unknown = args.filter((arg) => arg !== '--fix' && !arg.startsWith('--results='));
if (unknown.length > 0) {
  console.error(`check: unknown argument ${unknown.join(' ')}; usage: npm run check [-- --fix]`);
  process.exitCode = 2;
} else {
  const results = await check({ fix: args.includes('--fix') }, interrupted.signal);
  const file = args.find((arg) => arg.startsWith('--results='))?.slice('--results='.length);
  if (file !== undefined) await writeFile(file, JSON.stringify(results));
  process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
}
