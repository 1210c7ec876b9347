import { Metadata } from '@grpc/grpc-js';
import type { handleServerStreamingCall, handleUnaryCall, ServerErrorResponse, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Driver } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { WireCall } from '../contract/wire/call.ts';
import { DRIVER_CALLS, undecodable, WATCH_CALL } from '../contract/wire/driver.ts';
import type { ServiceName } from '../contract/wire/driver.ts';
import { DETAILS_TRAILER, errorTo } from '../contract/wire/error.ts';

/** Told of each error that is no DriverError: a fault of the implementation, which callers see as INTERNAL without its text. */
export type OnFault = (call: string, error: unknown) => void;

type AnyCall = WireCall<readonly unknown[], unknown>;
type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

/** One method as gRPC serves it: bytes in, bytes out. */
interface Definition {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  readonly requestSerialize: (bytes: Uint8Array) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Uint8Array;
  readonly responseSerialize: (bytes: Uint8Array) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Uint8Array;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function definitionOf(path: string, responseStream: boolean): Definition {
  const bytes = { requestSerialize: asBuffer, requestDeserialize: asBuffer, responseSerialize: asBuffer, responseDeserialize: asBuffer };
  return { path, requestStream: false, responseStream, ...bytes };
}

function failure(error: unknown): ServerErrorResponse {
  const { code, message, details } = errorTo(error);
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, asBuffer(details));
  // The numbers of our closed list are gRPC's own.
  const status: object = { code, details: message, metadata };
  return Object.assign(new Error(message), status);
}

/** One call that is under way: its signal aborts when the caller cancels, its connection ends or its deadline passes, and when the process ends. */
interface Running {
  readonly signal: AbortSignal;
  /** It has its answer. */
  readonly end: () => void;
}

type Begin = (rpc: { on(event: 'cancelled', listener: () => void): unknown }, path: string) => Running;

function createRunning(ending: AbortSignal): Begin {
  const running = new Set<AbortController>();
  const endAll = (): void => {
    for (const controller of running) controller.abort(ending.reason);
  };
  ending.addEventListener('abort', endAll, { once: true });
  return (rpc, path) => {
    const controller = new AbortController();
    running.add(controller);
    if (ending.aborted) controller.abort(ending.reason);
    // gRPC says so of every call in the end, also of those that were answered.
    rpc.on('cancelled', () => {
      if (running.delete(controller)) controller.abort(new DriverError('UNKNOWN', 'BACKEND', `the caller of ${path} is gone`));
    });
    return { signal: controller.signal, end: () => void running.delete(controller) };
  };
}

function decode(call: AnyCall, bytes: Uint8Array): readonly unknown[] {
  try {
    return call.decodeRequest(bytes);
  } catch (error) {
    throw error instanceof DriverError ? error : undecodable(error);
  }
}

function unaryHandler(
  call: AnyCall,
  method: AnyMethod | undefined,
  begin: Begin,
  onFault: OnFault,
): handleUnaryCall<Uint8Array, Uint8Array> {
  const run = async (bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> => {
    if (method === undefined) throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', `the driver does not have ${call.path}`);
    return call.encodeResponse(await method(...decode(call, bytes), signal));
  };
  return (rpc, answer) => {
    const { signal, end } = begin(rpc, call.path);
    run(rpc.request, signal).then(
      (bytes) => {
        end();
        answer(null, bytes);
      },
      (error: unknown) => {
        end();
        // A call that its caller gave up is no fault, and nobody reads the answer.
        if (!(error instanceof DriverError) && !rpc.cancelled) onFault(call.path, error);
        answer(failure(error));
      },
    );
  };
}

function watchHandler(driver: Driver, begin: Begin, onFault: OnFault): handleServerStreamingCall<Uint8Array, Uint8Array> {
  return (rpc) => {
    const { signal, end } = begin(rpc, WATCH_CALL.path);
    const run = async (): Promise<void> => {
      const beats = WATCH_CALL.wantsBeats(rpc.request);
      for await (const event of driver.watch(signal)) {
        if (event.type === 'BEAT' && !beats) continue;
        // The transport's buffer is full: what comes meanwhile waits in the driver's own bounded queue.
        if (!rpc.write(WATCH_CALL.encodeEvent(event))) await drained(rpc, signal);
      }
    };
    run().then(
      () => {
        end();
        rpc.end();
      },
      (error: unknown) => {
        end();
        if (!(error instanceof DriverError) && !rpc.cancelled) onFault(WATCH_CALL.path, error);
        rpc.emit('error', failure(error));
      },
    );
  };
}

function drained(stream: { once(event: 'drain', listener: () => void): unknown }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Everything that gRPC needs to serve `driver`: a call of a service that it does not have is UNIMPLEMENTED. */
export function handlersOf(
  driver: Driver,
  ending: AbortSignal,
  onFault: OnFault,
): { readonly definitions: Readonly<Record<string, Definition>>; readonly handlers: UntypedServiceImplementation } {
  const begin = createRunning(ending);
  const definitions: Record<string, Definition> = { watch: definitionOf(WATCH_CALL.path, true) };
  const handlers: UntypedServiceImplementation = { watch: watchHandler(driver, begin, onFault) };
  for (const [service, calls] of Object.entries(DRIVER_CALLS)) {
    const implementation = driver[service as ServiceName] as unknown as Readonly<Record<string, AnyMethod>> | undefined;
    for (const [name, call] of Object.entries(calls as unknown as Readonly<Record<string, AnyCall>>)) {
      definitions[`${service}.${name}`] = definitionOf(call.path, false);
      handlers[`${service}.${name}`] = unaryHandler(call, implementation?.[name], begin, onFault);
    }
  }
  return { definitions, handlers };
}
