import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { ApiError } from '../../apis/meta/api-error.ts';
import { openRecoveringEngine, type RecoveringEngine } from './sqlite-recovery.ts';
import type { EngineFault, FromWorker, ListPart, ToWorker } from './sqlite-protocol.ts';

// The entry of the thread that owns the database file; nothing imports it.

function faultOf(error: unknown): EngineFault {
  if (error instanceof ApiError) {
    return { reason: error.reason, message: error.message, retryAfterSeconds: error.details.retryAfterSeconds };
  }
  return { reason: 'ServiceUnavailable', message: error instanceof Error ? error.message : 'the store failed' };
}

function answer(port: MessagePort, store: RecoveringEngine, question: ToWorker): void {
  const { id } = question;
  const post = (message: FromWorker): void => {
    port.postMessage(message);
  };
  try {
    // The other side of the port asks through EngineLink, whose types pair each call with its input.
    const handler = store.engine[question.call] as (input: unknown, part: (objects: ListPart) => void) => unknown;
    const output = handler(question.input, (objects) => {
      post({ type: 'part', id, objects });
    });
    post({ type: 'answer', id, output });
    if (question.call === 'close') port.close();
  } catch (error) {
    const fatal = store.isFatal(error);
    const fault = faultOf(error);
    const again = !fatal && fault.reason === 'ServiceUnavailable';
    post({ type: 'fault', id, fault: again ? { ...fault, retryAfterSeconds: 1 } : fault, fatal });
    if (fatal || question.call === 'close') port.close();
  }
}

function serve(port: MessagePort, file: string): void {
  try {
    const store = openRecoveringEngine(file);
    port.on('message', (question: ToWorker) => {
      answer(port, store, question);
    });
    port.postMessage({ type: 'opened' } satisfies FromWorker);
  } catch (error) {
    port.postMessage({ type: 'refused', fault: faultOf(error) } satisfies FromWorker);
  }
}

if (parentPort !== null) serve(parentPort, (workerData as { readonly file: string }).file);
