import { status, type CallOptions, type ClientDuplexStream, type Metadata } from '@grpc/grpc-js';
import {
  Etcd3,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  type IOptions,
  type IWatchRequest,
  type IWatchResponse,
  type KVClient,
} from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';

export interface EtcdTls {
  /** PEM. */
  readonly ca: Buffer;
  /** PEM of the client's certificate and key, for an etcd that asks for one. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
}

export type WatchStream = ClientDuplexStream<IWatchRequest, IWatchResponse>;

/** The connections to all endpoints; one is used until it fails. */
export interface EtcdClient {
  /** A call that changes nothing: tried on each endpoint until one answers, else ApiError ServiceUnavailable. */
  read<T>(call: (kv: KVClient, options: CallOptions) => Promise<T>): Promise<T>;
  /** A call that is sent at most once. ServiceUnavailable: it was not sent. Timeout: it is not known whether it took effect. */
  write<T>(call: (kv: KVClient, options: CallOptions) => Promise<T>): Promise<T>;
  /** A new stream for one watch; rejects with ServiceUnavailable. */
  openWatch(): Promise<WatchStream>;
  /** The version that the endpoint in use says it has. */
  version(): Promise<string>;
  /** The size of its database, and whether it refuses writes because that has reached its quota; of the endpoint in use. */
  size(): Promise<{ readonly bytes: number; readonly refuses: boolean }>;
  close(): void;
}

export interface EtcdClientOptions {
  /** Such as http://10.0.0.1:2379; all http or all https. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  readonly clock: Clock;
}

const CONNECT_MS = 2000;
const CALL_MS = 5000;
const MAX_RESPONSE_BYTES = 96 * 1024 * 1024;
const ENDPOINT = /^https?:\/\/[\w.[\]:-]+:\d{1,5}\/?$/;

const CHANNEL = {
  // A link that died without a word is noticed in 10 seconds at most.
  // etcd ends connections that ask more often than every five seconds, or at all while no call is under way; and each time it does,
  // grpc-js asks half as often from then on, for as long as the process lives.
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
};

/** gRPC codes of a stream that no other attempt can cure. */
const FINAL_CODES: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]);

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** One endpoint. A subclass, because etcd3 shows its connections, and so the raw watch stream, to those only. */
class Endpoint extends Etcd3 {
  /** Resolves when calls can be sent; rejects at `deadline`, milliseconds since the epoch. */
  ready(deadline: number): Promise<void> {
    return this.pool.withConnection('KV', ({ client }) => {
      return new Promise<void>((resolve, reject) => {
        client.waitForReady(deadline, (error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    });
  }

  watchStream(): Promise<WatchStream> {
    return this.pool.withConnection('Watch', ({ client, metadata }) => {
      // etcd3 makes this client from etcd's proto, but types it as one without methods.
      const watching = client as unknown as { watch(metadata: Metadata): WatchStream };
      const own = metadata.clone();
      // A member that is cut off from the others ends the watch instead of going silent.
      own.set('hasleader', 'true');
      return watching.watch(own);
    });
  }
}

/** Connects to `endpoints` on the first call; throws ApiError BadRequest for an endpoint that is not one. */
export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const endpoints = checkEndpoints(options.endpoints).map((host) => new Endpoint(etcdOptions(host, options.tls)));
  let preferred = 0;

  /** The preferred endpoint, or the next one that can be reached. */
  async function connected(): Promise<Endpoint> {
    let last: unknown;
    for (const _ of endpoints) {
      const at = preferred;
      const endpoint = endpoints[at];
      if (endpoint === undefined) break;
      try {
        await endpoint.ready(options.clock.now() + CONNECT_MS);
        return endpoint;
      } catch (error) {
        last = error;
        if (preferred === at) moveOn();
      }
    }
    throw new ApiError('ServiceUnavailable', 'etcd cannot be reached', { cause: last });
  }
  function moveOn(): void {
    preferred = (preferred + 1) % endpoints.length;
  }
  function callOptions(): CallOptions {
    return { deadline: options.clock.now() + CALL_MS };
  }

  return {
    read: async (call) => {
      let last: unknown;
      for (let tried = 0; tried <= endpoints.length; tried += 1) {
        const endpoint = await connected();
        try {
          return await call(endpoint.kv, callOptions());
        } catch (error) {
          if (isRefusal(error)) throw refusalOf(error);
          last = error;
          moveOn();
        }
      }
      throw new ApiError('ServiceUnavailable', 'etcd did not answer', { cause: last });
    },
    write: async (call) => {
      const endpoint = await connected();
      try {
        return await call(endpoint.kv, callOptions());
      } catch (error) {
        if (isRefusal(error)) throw refusalOf(error);
        moveOn();
        throw new ApiError('Timeout', 'etcd did not answer, so it is not known whether the write took effect; read before trying again', {
          cause: error,
        });
      }
    },
    openWatch: async () => (await connected()).watchStream(),
    version: async () => (await (await connected()).maintenance.status(callOptions())).version,
    size: async () => sizeOf(await connected(), callOptions()),
    close: () => {
      for (const endpoint of endpoints) endpoint.close();
    },
  };
}

async function sizeOf({ maintenance }: Endpoint, call: CallOptions): Promise<{ readonly bytes: number; readonly refuses: boolean }> {
  const { dbSize } = await maintenance.status(call);
  const { alarms } = await maintenance.alarm({ action: 'Get', memberID: '0', alarm: 'Nospace' }, call);
  return { bytes: Number(dbSize), refuses: alarms.length > 0 };
}

/** True for the answer that a revision is compacted or in the future. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof ApiError && error.cause instanceof GRPCOutOfRangeError;
}

/** True for the answer that a response or request is too big, or that etcd has no room. */
export function isExhausted(error: unknown): boolean {
  return error instanceof ApiError && error.cause instanceof GRPCResourceExhastedError;
}

/** True for a stream's error that another attempt can cure. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return true;
  return !FINAL_CODES.has(Number(error.code));
}

/** Answers that say: nothing was written, and asking another endpoint would not help. */
function isRefusal(error: unknown): error is Error {
  return [
    GRPCInvalidArgumentError,
    GRPCOutOfRangeError,
    GRPCResourceExhastedError,
    GRPCFailedPreconditionError,
    GRPCNotImplementedError,
    GRPCUnauthenticatedError,
  ].some((type) => error instanceof type);
}

function refusalOf(cause: Error): ApiError {
  const full = cause instanceof GRPCResourceExhastedError;
  return new ApiError(
    full ? 'ServiceUnavailable' : 'InternalError',
    full ? 'etcd has no room for this request' : 'etcd refused the request',
    {
      cause,
    },
  );
}

function checkEndpoints(endpoints: readonly string[]): readonly string[] {
  if (endpoints.length === 0) throw new ApiError('BadRequest', 'etcd needs at least one endpoint, such as http://127.0.0.1:2379');
  endpoints.forEach((endpoint, at) => {
    // The text is not repeated: people put passwords into URLs.
    if (!ENDPOINT.test(endpoint)) {
      throw new ApiError('BadRequest', `etcd endpoint ${String(at + 1)} must be http:// or https://, a host and a port, and nothing else`);
    }
  });
  if (new Set(endpoints.map((endpoint) => endpoint.startsWith('https:'))).size > 1) {
    throw new ApiError('BadRequest', 'etcd endpoints must be all http:// or all https://');
  }
  return endpoints.map((endpoint) => endpoint.replace(/\/$/, ''));
}

function etcdOptions(host: string, tls: EtcdTls | undefined): IOptions {
  return {
    hosts: [host],
    grpcOptions: CHANNEL,
    // Its own policies would send a write again that may have taken effect already.
    faultHandling: { global: once(), host: once },
    ...(tls === undefined
      ? {}
      : {
          credentials: {
            rootCertificate: tls.ca,
            ...(tls.key === undefined ? {} : { privateKey: tls.key }),
            ...(tls.certificate === undefined ? {} : { certChain: tls.certificate }),
          },
        }),
  };
}

function once(): Policy {
  const ignored = { dispose: (): void => undefined };
  const { signal } = new AbortController();
  const policy: Omit<Policy, '_altReturn'> = {
    onSuccess: () => ignored,
    onFailure: () => ignored,
    execute: async (call) => call({ signal }),
  };
  // The one property left out exists in types only.
  return policy as Policy;
}
