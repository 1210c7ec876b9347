import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import { linkedTo, whenAborted } from '../../apis/meta/linked.ts';
import type { ApiRequest, ApiResponse, ApiStream, Transport, WatchEvent } from '../../apis/meta/request.ts';
import type { SimProcess } from './process.ts';
import type { Exchange, Fates, Wire } from './wire.ts';

const lost = (): Error => new ApiError('ServiceUnavailable', 'the connection to the API was lost');

const late = (): Error => new ApiError('Timeout', 'the API did not answer in time');
/** As client/http-transport.ts gives each request. */
const PATIENCE_MS = 65_000;

const isWatch = ({ query }: ApiRequest): boolean => query.some(([name, value]) => name === 'watch' && value === 'true');

function sayAnswer(answer: ApiResponse | ApiStream): string {
  if ('events' in answer) return '200 watch';
  const { metadata, reason } = (answer.body ?? {}) as { metadata?: { resourceVersion?: string }; reason?: unknown };
  return `${String(answer.status)} ${typeof reason === 'string' && answer.status >= 400 ? reason : (metadata?.resourceVersion ?? '')}`;
}

function sayEvent({ type, object }: WatchEvent): string {
  const { kind, metadata, spec } = object as {
    readonly kind?: string;
    readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
    readonly spec?: { readonly holderIdentity?: string };
  };
  const holder = kind === 'Lease' ? ` ${spec?.holderIdentity ?? ''}` : '';
  return `${type} ${kind ?? ''} ${metadata?.name ?? ''}${holder} ${metadata?.resourceVersion ?? ''}`;
}

/** A short digest of a request's body: two runs that ask for different things have different traces. */
function digestOf(text: string | undefined): string {
  let hash = 0;
  for (let at = 0; at < (text?.length ?? 0); at += 1) hash = (Math.imul(hash, 31) + (text?.charCodeAt(at) ?? 0)) | 0;
  return (hash >>> 0).toString(16);
}

/** What a server says to a watch whose beginning it no longer knows. */
async function* forgotten(): AsyncGenerator<WatchEvent, void, undefined> {
  yield { type: 'ERROR', object: statusOf(new ApiError('Expired', 'too old resource version: list again')) };
}

export interface ApiLinkOptions {
  readonly wire: Wire;
  readonly process: SimProcess;
  readonly fates: () => Fates;
  /** The server that answers now, and the signal that aborts when it ends. */
  readonly server: () => { readonly handle: Transport; readonly signal: AbortSignal };
}

/** How a process reaches the API: over a wire on which calls take time and may be lost. */
export function apiLink({ wire, process, fates, server }: ApiLinkOptions): Transport {
  /** By path: what was asked for last and is forgotten, for good. */
  const past = new Map<string, bigint>();
  const isForgotten = (exchange: Exchange, { path, query }: ApiRequest): boolean => {
    const from = BigInt(query.find(([name]) => name === 'resourceVersion')?.[1] ?? 0);
    if (fates().forgot(exchange)) past.set(path, from);
    return from <= (past.get(path) ?? -1n);
  };
  return async (request, signal) => {
    const { method, path, body } = request;
    const watches = isWatch(request);
    const what = `${watches ? 'WATCH' : method} ${path}${body === undefined ? '' : ` ${digestOf(body)}`}`;
    const exchange: Exchange = { to: 'api', process, what, mutating: method !== 'GET' };
    const open = new AbortController();
    const effect = async (stop: AbortSignal): Promise<ApiResponse | ApiStream> => {
      const now = server();
      const until = linkedTo(now.signal);
      const { signal: caller } = watches ? open : { signal: stop };
      const leave = (): void => until.abort(caller.reason);
      whenAborted(caller, leave);
      try {
        return await now.handle(request, until.signal);
      } catch (error) {
        throw now.signal.aborted ? lost() : error;
      } finally {
        if (!watches) until.unlink();
      }
    };
    const answer = await wire.carry(exchange, { effect, say: sayAnswer, lost, late, patienceMs: PATIENCE_MS }, signal);
    if (!('events' in answer)) return answer;
    const source = isForgotten(exchange, request) ? forgotten() : answer.events;
    const events = (stop: AbortSignal): AsyncIterable<WatchEvent> => {
      whenAborted(stop, () => open.abort(stop.reason));
      return source;
    };
    return { ...answer, events: wire.stream(exchange, { events, say: sayEvent, lost }, signal) };
  };
}
