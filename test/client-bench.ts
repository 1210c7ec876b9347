import { createClient } from '../client/api-client.ts';
import type { Client } from '../client/client.ts';
import type { Log } from '../apis/meta/log.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ApiRequest, Transport } from '../apis/meta/request.ts';
import { ADMIN, openBench, type Bench } from './api-bench.ts';

/** What a test does to requests on their way: answers them itself, delays or refuses them, or (undefined) lets them pass. */
export type Meddle = (request: ApiRequest, signal: AbortSignal) => ReturnType<Transport> | undefined;

/** A real API in memory, and clients of it whose requests can be counted and meddled with. */
export interface ClientBench extends Bench {
  readonly client: Client;
  /** A client of its own, for example of another process. */
  clientOf(meddle: Meddle): Client;
  /** Requests that were sent by any client, but for watches and reads. */
  readonly writes: readonly ApiRequest[];
  readonly requests: readonly ApiRequest[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const keep =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
}

export async function openClientBench(options: Parameters<typeof openBench>[0] = {}): Promise<ClientBench> {
  const bench = await openBench(options);
  const requests: ApiRequest[] = [];
  const clientOf = (meddle: Meddle): Client =>
    createClient({
      transport: (request, signal) => {
        requests.push(request);
        return meddle(request, signal) ?? bench.api.handle(request, signal);
      },
      caller: ADMIN,
      userAgent: 'test',
    });
  return {
    ...bench,
    requests,
    get writes() {
      return requests.filter(({ method }) => method !== 'GET');
    },
    clientOf,
    client: clientOf(() => undefined),
  };
}

/** Never answers, but ends with the signal. */
export function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Waits until `holds`, looking every few milliseconds; fails after `ms`. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${String(ms)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** Collects unhandled rejections until it is ended. */
export function watchRejections(): { readonly seen: unknown[]; end(): void } {
  const seen: unknown[] = [];
  const listener = (reason: unknown): void => {
    seen.push(reason);
  };
  process.on('unhandledRejection', listener);
  return { seen, end: () => process.off('unhandledRejection', listener) };
}

export const statusOfZone = ({ status }: ApiObject): { readonly conditions: readonly { readonly reason: string }[] } =>
  status as { readonly conditions: readonly { readonly reason: string }[] };
