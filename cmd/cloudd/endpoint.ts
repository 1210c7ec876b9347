import { createHmac } from 'node:crypto';
import { METRICS_TYPE, metricsText } from '../../apis/meta/metrics.ts';
import type { ApiResponse, Transport } from '../../apis/meta/request.ts';
import type { Board } from '../../controllers/runtime/board.ts';
import { tokenAuthenticator } from '../../server/http/authenticate.ts';
import { newAuthority, newServerCertificate } from '../../server/http/certificates.ts';
import { serveHttp } from '../../server/http/serve.ts';
import { systemClock } from '../clock.ts';
import type { Logger } from './log.ts';
import { queueObject } from './queues.ts';

/** Annotations of the Lease of a process of controllers: where it shows what it leads, and the PEM of the authority that it is known by. */
export const ENDPOINT = 'ops.lenticular.dev/endpoint';
export const ENDPOINT_CA = 'ops.lenticular.dev/endpoint-ca';

/** Where queues are answered, as a JSON list of Queue objects. */
export const QUEUES_PATH = '/queues';

const MONITOR = { name: 'system:lenticular:monitor', groups: ['system:monitoring'] };

/**
 * The bearer token of the endpoints of controllers, by the token that they have for the API: whoever serves the API knows that too. It opens
 * nothing else, so that an endpoint which is not what it says learns nothing by being asked.
 */
export function endpointToken(controllersToken: string): string {
  return createHmac('sha256', controllersToken).update('lenticular endpoint of controllers').digest('base64url');
}

export interface EndpointOptions {
  readonly board: Board;
  readonly token: string;
  /** By which API servers reach it. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly log: Logger;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache, private' };

function answers(board: Board): Transport {
  const answer = (path: string): ApiResponse => {
    if (path === '/metrics') return { status: 200, headers: { ...TEXT, 'content-type': METRICS_TYPE }, body: metricsText(board.metrics()) };
    if (path !== QUEUES_PATH) return { status: 404, headers: TEXT, body: `there is ${QUEUES_PATH} and /metrics\n` };
    const body = board.queues().map((report) => queueObject(report, Date.now()));
    return { status: 200, headers: { ...TEXT, 'content-type': 'application/json' }, body };
  };
  return ({ method, path, caller }) => {
    if (caller.name !== MONITOR.name) return Promise.resolve({ status: 401, headers: TEXT, body: 'give the bearer token\n' });
    if (method !== 'GET' && method !== 'HEAD') return Promise.resolve({ status: 405, headers: { ...TEXT, allow: 'GET, HEAD' }, body: '' });
    return Promise.resolve(answer(path));
  };
}

/** Shows over HTTPS what this process leads, until the signal aborts; resolves with what its Lease is to say of that. */
export async function serveEndpoint(
  { board, token, host, port, log }: EndpointOptions,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const clock = systemClock();
  // Made for this one life, and known by the Lease: nothing to renew, and no key on a disk.
  const authority = newAuthority(clock.now());
  const tls = newServerCertificate(authority, [host], clock.now());
  const authenticate = tokenAuthenticator([{ token, caller: MONITOR }]);
  const limits = { connections: 64, bodyBytes: 0 };
  const http = await serveHttp({ transport: answers(board), host, port, tls, authenticate, log, clock, limits }, signal);
  signal.addEventListener('abort', () => void http.close(), { once: true });
  const name = host.includes(':') ? `[${host}]` : host;
  return { [ENDPOINT]: `https://${name}:${String(http.port)}`, [ENDPOINT_CA]: authority.cert };
}
