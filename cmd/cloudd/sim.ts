import { join, resolve } from 'node:path';
import { simControl, type SimCommand } from '../../drivers/sim/control-client.ts';
import { OperatorError } from './operator-error.ts';

const ANSWER_MS = 30_000;

/** Sends one command to a simulated data centre that runs, and prints what it answers, if that is anything. */
export async function sim(
  { dataDir, stateDir }: { readonly dataDir: string; readonly stateDir?: string },
  command: SimCommand,
  signal: AbortSignal,
): Promise<void> {
  const folder = resolve(stateDir ?? join(dataDir, 'drivers', 'sim'));
  const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const result = await simControl(folder, command, until).catch((cause: unknown) => {
    const { code, message } = cause as { readonly code?: unknown; readonly message?: string };
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK';
    throw new OperatorError(absent ? `no simulated data centre runs in ${folder}` : `the simulated data centre: ${message ?? 'failed'}`, {
      cause,
    });
  });
  if (result !== null && result !== undefined) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
