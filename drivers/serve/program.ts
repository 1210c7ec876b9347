import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { Driver } from '../contract/driver.ts';
import type { Listen } from './address.ts';
import { serve } from './serve.ts';

/** What every driver program is told on its command line. */
export interface ProgramOptions {
  readonly listen: Listen;
  /** The folder that is the driver's own; it exists. */
  readonly stateDir: string;
  /** Whether to end when stdin does: how a driver that `drivers/dial` started follows its parent, even one that was killed. */
  readonly exitWithStdin: boolean;
}

/** The process around a program, as arguments. */
export interface ProgramIo {
  readonly stdin: Readable;
  /** Writes one line to stdout. */
  readonly print: (line: string) => void;
  /** Writes one line to stderr. */
  readonly log: (line: string) => void;
}

/** A driver that is ready to serve, and what ends it. */
export interface OpenDriver {
  readonly driver: Driver;
  close(): void | Promise<void>;
}

const OPTIONS = {
  listen: { type: 'string' },
  'state-dir': { type: 'string' },
  'exit-with-stdin': { type: 'boolean' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
} as const;

function listenOf(address: string, ca: string | undefined, cert: string | undefined, key: string | undefined): Listen {
  if (address.startsWith('unix:')) return { kind: 'unix', path: address.slice('unix:'.length) };
  const match = /^(?:tcp:)?(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(address);
  const [, host, port] = match ?? [];
  if (host === undefined || Number(port) > 65_535) throw new Error(`--listen ${address}: give unix:/PATH or HOST:PORT`);
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new Error(`--listen ${address}: a driver on the network needs --tls-ca, --tls-cert and --tls-key`);
  }
  return { kind: 'tcp', host, port: Number(port), tls: { ca, cert, key } };
}

/** Reads `--listen unix:PATH|HOST:PORT --state-dir DIR [--exit-with-stdin] [--tls-ca F --tls-cert F --tls-key F]`; throws one clear sentence. */
export function parseProgramArguments(argv: readonly string[]): ProgramOptions {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false });
  if (values.listen === undefined) throw new Error('--listen is required: unix:/PATH or HOST:PORT');
  if (values['state-dir'] === undefined) throw new Error("--state-dir is required: the driver's own folder");
  return {
    listen: listenOf(values.listen, values['tls-ca'], values['tls-cert'], values['tls-key']),
    stateDir: values['state-dir'],
    exitWithStdin: values['exit-with-stdin'] ?? false,
  };
}

/**
 * Runs a driver as a process: opens it, serves it, and closes it when `signal` aborts or the parent is gone. What the driver manages
 * is left as it is. Ends when all is closed.
 */
export async function runProgram(
  options: ProgramOptions,
  io: ProgramIo,
  open: (stateDir: string, signal: AbortSignal) => OpenDriver | Promise<OpenDriver>,
  signal: AbortSignal,
): Promise<void> {
  const orphaned = new AbortController();
  if (options.exitWithStdin) {
    for (const event of ['end', 'close', 'error']) io.stdin.once(event, () => orphaned.abort(new Error('the parent process is gone')));
    io.stdin.resume();
  }
  const ending = AbortSignal.any([signal, orphaned.signal]);
  const opened = await open(options.stateDir, ending);
  try {
    const onFault = (call: string, error: unknown): void =>
      io.log(`${call}: ${error instanceof Error ? (error.stack ?? error.message) : 'failed'}`);
    await serve(opened.driver, { listen: options.listen, announce: io.print, onFault }, ending);
  } finally {
    await opened.close();
    // An open pipe would keep the process alive.
    io.stdin.destroy();
  }
}
