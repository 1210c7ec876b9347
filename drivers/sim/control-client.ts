import { connect } from 'node:net';
import { join } from 'node:path';
import { abortedError } from '../contract/aborted.ts';
import type { Fault } from './faults.ts';

/** A command to a simulated data centre; the answer's shape is the command's. */
export type SimCommand =
  | ({ readonly do: 'fault' } & Fault)
  | { readonly do: 'clear' | 'faults' | 'calls' | 'world' }
  | { readonly do: 'journal'; readonly limit?: number }
  | { readonly do: 'guest-shutdown' | 'crash'; readonly uid: string }
  | { readonly do: 'power-loss' | 'power-off' | 'power-on'; readonly host: string }
  | { readonly do: 'drift'; readonly host: string; readonly uid: string; readonly field: string }
  | { readonly do: 'lose-disk'; readonly pool: string; readonly uid: string }
  | { readonly do: 'plant'; readonly what: 'machine'; readonly host: string; readonly id: string }
  | { readonly do: 'plant'; readonly what: 'disk'; readonly pool: string; readonly id: string; readonly size?: string | number };

const MAX_ANSWER = 64 * 2 ** 20;

/** Sends one command to the driver whose state folder this is; resolves with its result, rejects with its one sentence or the socket's error. */
export function simControl(stateDir: string, command: SimCommand, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(stateDir, 'control.sock'));
    const stop = (): void => void socket.destroy(abortedError(signal, 'sim control'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    let answer = '';
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(`${JSON.stringify(command)}\n`));
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (answer.length > MAX_ANSWER) socket.destroy(new Error('the answer is too long'));
      if (answer.endsWith('\n')) socket.end();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      signal.removeEventListener('abort', stop);
      if (!answer.endsWith('\n')) return reject(new Error('the driver ended before it answered'));
      const { ok, result, error } = JSON.parse(answer) as { ok: boolean; result?: unknown; error?: string };
      if (ok) resolve(result);
      else reject(new Error(error));
    });
  });
}
