import { Worker } from 'node:worker_threads';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Engine, EngineCall, EngineCalls, EngineFault, EngineLink, FromWorker, ListPart, ToWorker } from './sqlite-protocol.ts';

interface Question {
  readonly call: EngineCall;
  readonly part: ((objects: ListPart) => void) | undefined;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: ApiError) => void;
}

const WORKER_HEAP_MIB = 96;

/** The engine on this very thread, for a store in memory. */
export function linkEngine(engine: Engine): EngineLink {
  const failure = createFailure();
  return {
    ask: <K extends EngineCall>(call: K, input: EngineCalls[K]['input'], part?: (objects: ListPart) => void) =>
      new Promise<EngineCalls[K]['output']>((resolve, reject) => {
        if (failure.error !== undefined) reject(failure.error);
        else resolve(engine[call](input, part ?? ignore));
      }).catch((error: unknown) => {
        failure.set(unavailable(error));
        throw error;
      }),
    onFailure: (callback) => {
      failure.onSet(callback);
    },
  };
}

/** Starts a thread with the engine of `file`; rejects with ApiError when the file cannot be opened. */
export async function startEngine(file: string, signal: AbortSignal): Promise<EngineLink> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: { file },
    name: 'store',
    // node:sqlite still warns that it is new.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB, maxYoungGenerationSizeMb: 8 },
  });
  const questions = new Map<number, Question>();
  const failure = createFailure();
  failure.onSet((error) => {
    for (const { call, reject } of questions.values()) {
      // A batch that was under way may or may not have reached the disk.
      reject(call === 'apply' ? new ApiError('Timeout', 'the store stopped before it confirmed the write', { cause: error }) : error);
    }
    questions.clear();
  });
  await opened(worker);
  worker.on('message', (message: FromWorker) => {
    receive(message, questions, failure);
  });
  worker.on('error', (error) => {
    failure.set(unavailable(error));
  });
  worker.on('exit', () => {
    failure.set(new ApiError('ServiceUnavailable', 'the store is closed'));
  });
  let last = 0;
  return {
    ask: <K extends EngineCall>(call: K, input: EngineCalls[K]['input'], part?: (objects: ListPart) => void) =>
      new Promise<EngineCalls[K]['output']>((resolve, reject) => {
        if (failure.error !== undefined) {
          reject(failure.error);
          return;
        }
        last += 1;
        // The engine's types pair each call with its output; the thread's port carries none.
        questions.set(last, { call, part, resolve: resolve as (output: unknown) => void, reject });
        worker.postMessage({ id: last, call, input } satisfies ToWorker);
      }),
    onFailure: (callback) => {
      failure.onSet(callback);
    },
  };
}

function opened(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: FromWorker) => {
      worker.off('error', reject);
      if (message.type === 'opened') resolve();
      else reject(message.type === 'refused' ? errorOf(message.fault) : new ApiError('InternalError', 'the store did not open'));
    });
  });
}

function receive(message: FromWorker, questions: Map<number, Question>, failure: Failure): void {
  if (message.type === 'opened' || message.type === 'refused') return;
  const question = questions.get(message.id);
  if (message.type === 'part') {
    question?.part?.(message.objects);
    return;
  }
  questions.delete(message.id);
  if (message.type === 'answer') {
    question?.resolve(message.output);
    return;
  }
  const error = errorOf(message.fault);
  question?.reject(error);
  if (message.fatal) failure.set(unavailable(error));
}

interface Failure {
  readonly error: ApiError | undefined;
  set(error: ApiError): void;
  onSet(callback: (error: ApiError) => void): void;
}

/** The first error is the one that counts. */
function createFailure(): Failure {
  const callbacks: ((error: ApiError) => void)[] = [];
  let first: ApiError | undefined;
  return {
    get error() {
      return first;
    },
    set: (error) => {
      if (first !== undefined) return;
      first = error;
      for (const callback of callbacks) callback(error);
    },
    onSet: (callback) => {
      callbacks.push(callback);
    },
  };
}

function errorOf(fault: EngineFault): ApiError {
  const { reason, message, retryAfterSeconds } = fault;
  return new ApiError(reason, message, retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } });
}

function unavailable(cause: unknown): ApiError {
  return new ApiError('ServiceUnavailable', 'the store has failed and takes no requests; see the cause, then start this program again', {
    cause,
  });
}

function ignore(): void {
  // A call that has no parts.
}
