import { Client, connectivityState, Metadata, status } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { abortedError } from '../contract/aborted.ts';
import type { DriverEvent } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { fieldInvalid } from '../contract/names.ts';
import type { WireCall } from '../contract/wire/call.ts';
import { WATCH_CALL } from '../contract/wire/driver.ts';
import { DETAILS_TRAILER, errorFrom } from '../contract/wire/error.ts';

/** The largest message either way. */
const MAX_MESSAGE_BYTES = 4 * 2 ** 20;

/** A connection to one driver process. */
export interface Channel {
  /** Resolves when the connection stands; rejects with UNAVAILABLE after `timeoutMs`. */
  ready(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Whether the connection stands now. */
  connected(): boolean;
  call<A extends readonly unknown[], R>(call: WireCall<A, R>, args: A, deadlineMs: number, signal: AbortSignal): Promise<R>;
  watch(signal: AbortSignal): AsyncIterable<DriverEvent>;
  close(): void;
}

const OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  // A call is never repeated behind the caller's back: it knows what is idempotent.
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
} as const;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function translate(error: ServiceError, mutating: boolean): DriverError {
  // A lost connection gives errors without metadata in some paths.
  const metadata = error.metadata as Metadata | undefined;
  const details = metadata?.get(DETAILS_TRAILER)[0];
  const own = details instanceof Buffer ? details : undefined;
  // What gRPC says itself of a deadline is about sockets and balancers, and stands on objects.
  const message = own === undefined && error.code === status.DEADLINE_EXCEEDED ? 'no answer came in time' : error.details;
  return errorFrom({ code: error.code, message, details: own }, mutating);
}

type Answered = (error: ServiceError | null, bytes: Uint8Array | undefined) => void;

/**
 * Sends a request; gives how to cancel it. What gRPC and HTTP/2 make for a call is let go of only when all of the heap is collected, and would keep
 * whatever the caller's round has made: `answered` is let go of with the answer.
 */
function send(client: Client, path: string, request: Uint8Array, deadline: Date, answered: Answered): () => void {
  let waiting: Answered | undefined = answered;
  const rpc = client.makeUnaryRequest(
    path,
    asBuffer,
    (bytes): Uint8Array => bytes,
    request,
    new Metadata(),
    { deadline },
    (error, bytes) => {
      const tell = waiting;
      waiting = undefined;
      tell?.(error, bytes);
    },
  );
  return () => {
    rpc.cancel();
  };
}

function unaryCall<A extends readonly unknown[], R>(
  client: Client,
  call: WireCall<A, R>,
  args: A,
  deadline: Date,
  signal: AbortSignal,
): Promise<R> {
  const request = call.encodeRequest(args);
  if (request.byteLength > MAX_MESSAGE_BYTES) throw fieldInvalid('request', `has more than ${MAX_MESSAGE_BYTES} bytes`);
  return new Promise((resolve, reject) => {
    const cancel = send(client, call.path, request, deadline, (error, bytes) => {
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) return reject(abortedError(signal, call.path));
      if (error !== null) return reject(translate(error, call.mutating));
      try {
        resolve(call.decodeResponse(bytes ?? new Uint8Array()));
      } catch (cause) {
        reject(new DriverError(call.mutating ? 'UNKNOWN' : 'INTERNAL', 'BACKEND', `the answer to ${call.path} cannot be read`, { cause }));
      }
    });
    signal.addEventListener('abort', cancel);
  });
}

/** Events as they come; an error of the stream ends it, because the caller looks at everything then anyway. */
async function* eventsOf(stream: ClientReadableStream<Uint8Array>): AsyncIterable<DriverEvent> {
  let last: number | undefined;
  try {
    for await (const bytes of stream as AsyncIterable<Uint8Array>) {
      const event = WATCH_CALL.decodeEvent(bytes);
      const isBeat = event.type === 'BEAT';
      const hasGap = last !== undefined && event.type !== 'RESYNC' && event.sequence !== (isBeat ? last : last + 1);
      if (hasGap) yield { sequence: event.sequence, type: 'RESYNC', session: '', uid: '' };
      if (isBeat || !hasGap) yield event;
      last = event.sequence;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** Connects to `target` (`unix:PATH` or `host:port`); `wallClock` gives ms since the Unix epoch, for the deadlines that gRPC sends. */
export function openChannel(target: string, credentials: ChannelCredentials, wallClock: () => number): Channel {
  const client = new Client(target, credentials, OPTIONS);
  return {
    connected: () => client.getChannel().getConnectivityState(false) === connectivityState.READY,
    ready: (timeoutMs, signal) =>
      new Promise((resolve, reject) => {
        const stop = (): void => reject(abortedError(signal, 'connecting'));
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        client.waitForReady(new Date(wallClock() + timeoutMs), (error) => {
          signal.removeEventListener('abort', stop);
          if (error === undefined) resolve();
          else reject(new DriverError('UNAVAILABLE', 'BACKEND', `nothing answers at ${target}`, { cause: error }));
        });
      }),
    async call(call, args, deadlineMs, signal) {
      if (signal.aborted) throw abortedError(signal, call.path);
      return unaryCall(client, call, args, new Date(wallClock() + deadlineMs), signal);
    },
    async *watch(signal) {
      if (signal.aborted) return;
      const stream = client.makeServerStreamRequest(WATCH_CALL.path, asBuffer, (bytes): Uint8Array => bytes, WATCH_CALL.encodeRequest());
      const cancel = (): void => stream.cancel();
      signal.addEventListener('abort', cancel);
      try {
        yield* eventsOf(stream);
      } finally {
        signal.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },
    close: () => client.close(),
  };
}
