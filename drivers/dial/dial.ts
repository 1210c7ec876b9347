import { readFileSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import type { Clock } from '../contract/clock.ts';
import { openChannel } from './channel.ts';
import type { LogLine } from './lines.ts';
import { greet, untilSilent } from './link.ts';
import type { Link } from './link.ts';
import { startProgram } from './process.ts';
import type { ProgramToStart } from './process.ts';
import { supervise } from './supervise.ts';
import type { Backoff, DialledDriver } from './supervise.ts';

const DEADLINE_MS = 10_000;
const HANDSHAKE_MS = 10_000;
const PROBE_MS = 5000;
const BACKOFF: Backoff = { firstMs: 1000, lastMs: 30_000, stableMs: 60_000 };

interface Patience {
  /** Per call, where its signal does not abort earlier; 10 s. */
  readonly deadlineMs?: number;
  /** Between two probes of an idle driver; 5 s. */
  readonly probeMs?: number;
  /** Between tries to start or reach it; 1 s to 30 s. */
  readonly backoff?: Backoff;
}

export interface DialOptions extends Omit<ProgramToStart, 'handshakeMs' | 'probeMs'>, Patience {
  /** How long the program may take to its handshake; 10 s. */
  readonly handshakeMs?: number;
}

/**
 * Starts a driver program and keeps it running; calls that come while it is down fail with UNAVAILABLE. Rejects with UNAVAILABLE, and
 * leaves nothing running, where the first start fails.
 */
export function dialDriver(options: DialOptions, signal: AbortSignal): Promise<DialledDriver> {
  const { name, clock, log, deadlineMs = DEADLINE_MS, handshakeMs = HANDSHAKE_MS, probeMs = PROBE_MS, backoff = BACKOFF } = options;
  const say = (text: string): void => log({ driver: name, stream: 'supervisor', text });
  const program = { ...options, handshakeMs, probeMs };
  return supervise({ name, clock, deadlineMs, backoff, say, open: (starting) => startProgram(program, starting) }, signal);
}

export interface DialAddressOptions extends Patience {
  readonly name: string;
  /** `host:port` of a driver that runs elsewhere. */
  readonly address: string;
  /** Files: whose driver we believe, and who we are. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly log: (line: LogLine) => void;
  readonly clock: Clock;
}

async function connect({ address, tls, clock, probeMs = PROBE_MS }: DialAddressOptions, signal: AbortSignal): Promise<Link> {
  const secrets = credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
  const channel = openChannel(address, secrets, () => clock.now());
  const ending = new AbortController();
  try {
    const info = await greet(channel, signal);
    const down = untilSilent(channel, info, probeMs, clock, ending.signal).catch(() => 'the connection was closed');
    const stop = (): Promise<void> => {
      ending.abort(new Error('stopped'));
      channel.close();
      return Promise.resolve();
    };
    return { channel, info, pid: undefined, down, stop };
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** Connects to a driver that runs elsewhere, by mutual TLS, and again whenever it was lost. Rejects with UNAVAILABLE where the first try fails. */
export function dialAddress(options: DialAddressOptions, signal: AbortSignal): Promise<DialledDriver> {
  const { name, clock, log, deadlineMs = DEADLINE_MS, backoff = BACKOFF } = options;
  const say = (text: string): void => log({ driver: name, stream: 'supervisor', text });
  return supervise({ name, clock, deadlineMs, backoff, say, open: (connecting) => connect(options, connecting) }, signal);
}
