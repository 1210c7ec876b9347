import { ApiError } from '../../apis/meta/api-error.ts';
import { openEngine } from './sqlite-engine.ts';
import { holdStoreFile, sqliteCode } from './sqlite-file.ts';
import type { Engine, EngineCall, EngineCalls, ListPart } from './sqlite-protocol.ts';

const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/** An engine that outlives what the disk refuses, and says which of its errors it does not outlive. */
export interface RecoveringEngine {
  readonly engine: Engine;
  /** True when the store must not be used again, because the file itself is wrong. */
  isFatal(error: unknown): boolean;
}

/**
 * Opens the store in `file`; after an I/O error it is closed, opened again and proven before it answers anything. The first opening is not
 * tried again: nobody is served yet, and whoever starts the program is told. The lock is held from before the first opening to the end, so
 * that no other process gets in between.
 */
export function openRecoveringEngine(file: string): RecoveringEngine {
  const release = holdStoreFile(file);
  try {
    return recovering(openEngine(file), file, release);
  } catch (error) {
    release();
    throw error;
  }
}

function recovering(first: Engine, file: string, release: () => void): RecoveringEngine {
  let open: Engine | undefined = first;

  /** Each question tries anew: those who ask wait as long as they were told to. */
  function reopened(): Engine {
    if (open !== undefined) return open;
    try {
      open = openProven(file);
      return open;
    } catch (error) {
      throw unavailable(error);
    }
  }

  const guard =
    <K extends EngineCall>(call: K) =>
    (input: EngineCalls[K]['input'], part: (objects: ListPart) => void): EngineCalls[K]['output'] => {
      const engine = reopened();
      try {
        return engine[call](input, part);
      } catch (error) {
        if (codeOf(error) === SQLITE_IOERR) {
          // What the page cache holds after a failed sync is not what the disk holds.
          open = undefined;
          engine.close(undefined, () => undefined);
        }
        throw error;
      }
    };
  return {
    engine: {
      identity: guard('identity'),
      get: guard('get'),
      list: guard('list'),
      recall: guard('recall'),
      revision: guard('revision'),
      apply: guard('apply'),
      history: guard('history'),
      compact: guard('compact'),
      close: () => {
        try {
          open?.close(undefined, () => undefined);
        } finally {
          release();
        }
      },
    },
    isFatal: (error) => {
      const code = codeOf(error);
      return code === undefined ? !(error instanceof ApiError && error.details.retryAfterSeconds !== undefined) : !isDiskError(code);
    },
  };
}

/** Opens the file and writes what its log holds to the disk anew, because an earlier sync of the log may have failed. */
function openProven(file: string): Engine {
  const engine = openEngine(file);
  try {
    engine.prove();
    return engine;
  } catch (error) {
    engine.close(undefined, () => undefined);
    throw error;
  }
}

function isDiskError(code: number): boolean {
  return code === SQLITE_IOERR || code === SQLITE_FULL;
}

/** SQLite's code of an error of the engine, which is the error itself or its cause. */
function codeOf(error: unknown): number | undefined {
  return sqliteCode(error) ?? (error instanceof ApiError ? sqliteCode(error.cause) : undefined);
}

function unavailable(cause: unknown): ApiError {
  return new ApiError('ServiceUnavailable', 'the disk does not take the store; it is tried again', {
    details: { retryAfterSeconds: 1 },
    cause,
  });
}
