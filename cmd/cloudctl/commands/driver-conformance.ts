import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runConformance, type CheckResult } from '../../../drivers/contract/conformance/run.ts';
import { DriverError } from '../../../drivers/contract/driver-error.ts';
import { dialAddress, dialDriver } from '../../../drivers/dial/dial.ts';
import type { DialledDriver } from '../../../drivers/dial/supervise.ts';
import { systemClock } from '../../clock.ts';
import { readSubjectFile, subjectOf } from '../driver-subject.ts';
import { UsageError } from '../usage-error.ts';

export interface ConformanceOptions {
  /** A program and its arguments, split at blanks and started without a shell. */
  readonly command?: string;
  /** `HOST:PORT` of a driver that runs elsewhere, and the files of mutual TLS. */
  readonly address?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** What the file of the driver says is read from here. */
  readonly subject: string;
  /** Only checks whose titles have this. */
  readonly only?: string;
  /** Also what the driver itself says. */
  readonly verbose: boolean;
}

interface Output {
  readonly out: (line: string) => unknown;
  readonly err: (line: string) => unknown;
}

/** So much of what a driver says is shown where it does not start. */
const LAST_SAID = 10;
const MAX_SAID = 400;
const BACKOFF = { firstMs: 50, lastMs: 500, stableMs: 60_000 };

/** `said` comes to hold the last that the driver says. */
async function dial(
  options: ConformanceOptions,
  { folder, said, err }: Pick<Output, 'err'> & { readonly folder: string; readonly said: string[] },
  signal: AbortSignal,
): Promise<DialledDriver> {
  const { command, address, ca, cert, key, verbose } = options;
  const log = ({ text }: { readonly text: string }): void => {
    if (verbose) err(text);
    else said.push(text.slice(0, MAX_SAID));
    if (said.length > LAST_SAID) said.shift();
  };
  const common = { name: 'driver', log, clock: systemClock(), backoff: BACKOFF };
  if (command !== undefined && address === undefined) {
    const [program = '', ...args] = command.split(/\s+/).filter((word) => word !== '');
    if (program === '') throw new UsageError('--command names no program');
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LANG: 'C.UTF-8' };
    const dirs = { stateDir: join(folder, 'state'), socketDir: join(folder, 'run'), cwd: process.cwd() };
    return dialDriver({ ...common, command: program, args, env, ...dirs }, signal);
  }
  if (address === undefined || command !== undefined)
    throw new UsageError('give the driver: either --command PROGRAM or --address HOST:PORT');
  if (ca === undefined || cert === undefined || key === undefined)
    throw new UsageError('a driver on the network is believed by --ca, and lets us in by --cert and --key: give all three');
  return dialAddress({ ...common, address, tls: { ca, cert, key } }, signal);
}

function lineOf({ title, outcome, why, tookMs }: CheckResult): string {
  if (outcome === 'passed') return `ok    ${title} (${tookMs.toFixed(0)} ms)`;
  if (outcome === 'failed') return `FAIL  ${title}\n      ${(why ?? '').replaceAll('\n', '\n      ')}`;
  return outcome === 'skipped' ? `skip  ${title}: ${why ?? ''}` : `-     ${title}: does not apply`;
}

/** Runs the suite that every driver must pass against one, a line for each check; gives how many failed. What the driver made stays in no place of ours. */
export async function driverConformance(options: ConformanceOptions, output: Output, signal: AbortSignal): Promise<number> {
  const file = await readSubjectFile(options.subject);
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const said: string[] = [];
    const driver = await dial(options, { folder, said, err: output.err }, signal).catch((cause: unknown) => {
      if (!(cause instanceof DriverError)) throw cause;
      throw new UsageError([cause.message, ...said].join('\n'), { cause });
    });
    const subject = subjectOf(file, driver, join(folder, 'state'));
    const counts: Record<CheckResult['outcome'], number> = { passed: 0, failed: 0, skipped: 0, 'does not apply': 0 };
    let group = '';
    try {
      const { name, version } = await driver.identity.getInfo(signal);
      output.out(`${name} ${version}`);
      for await (const result of runConformance(
        subject,
        { skip: file.skip, ...(options.only !== undefined && { only: options.only }) },
        signal,
      )) {
        if (result.group !== group) output.out(`\n${result.group}`);
        group = result.group;
        counts[result.outcome] += 1;
        output.out(lineOf(result));
      }
    } finally {
      await subject.stop();
    }
    const { passed, failed, skipped } = counts;
    output.out(`\n${passed} passed, ${failed} failed, ${skipped} skipped, ${counts['does not apply']} do not apply`);
    return failed;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
