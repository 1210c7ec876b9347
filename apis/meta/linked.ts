/** A signal of one's own that aborts with another one, too, for as long as the link holds. */
export interface Linked {
  readonly signal: AbortSignal;
  /** Lets the other signal go, too: there is nothing more to follow. */
  abort(reason: unknown): void;
  /** Lets the other signal go, which may live for much longer. */
  unlink(): void;
}

/** What is called when a signal aborts: it looks through all of its listeners whenever one is added or taken away, and some have very many. */
const called = new WeakMap<AbortSignal, Set<() => void>>();

function callsOf(signal: AbortSignal): Set<() => void> {
  const known = called.get(signal);
  if (known !== undefined) return known;
  const calls = new Set<() => void>();
  called.set(signal, calls);
  const tell = (): void => {
    for (const call of calls) call();
    calls.clear();
  };
  signal.addEventListener('abort', tell, { once: true });
  return calls;
}

/** Calls `then` when a signal aborts (at once where it has), unless the answer is called first; cheap also where very many wait for one signal. */
export function whenAborted(signal: AbortSignal, then: () => void): () => void {
  if (signal.aborted) {
    then();
    return () => undefined;
  }
  const calls = callsOf(signal);
  calls.add(then);
  return () => void calls.delete(then);
}

/**
 * Like `AbortSignal.any` of `outer` and a signal of one's own, which costs several times as much: it is cleaned up after by the garbage
 * collector, and this is by its end: `abort` or `unlink`.
 */
export function linkedTo(outer: AbortSignal): Linked {
  const own = new AbortController();
  const unlink = whenAborted(outer, () => {
    own.abort(outer.reason);
  });
  return {
    signal: own.signal,
    abort(reason) {
      unlink();
      own.abort(reason);
    },
    unlink,
  };
}
