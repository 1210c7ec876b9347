import type { Clock } from '../../apis/meta/clock.ts';
import { whenAborted } from '../../apis/meta/linked.ts';
import type { Random } from './random.ts';

/** Whose work it is: a process that may stand still, or be dead, when its moment comes. */
export interface Owner {
  readonly name: string;
  /** False: the work is not done now; a process that stands still keeps it for later. */
  admits(work: () => void): boolean;
}

/** Virtual time: it moves only when nothing else can run, and of what is due at one moment the seed picks the order. */
export interface Timeline {
  /** Milliseconds since the run began. */
  now(): number;
  /** Does `work` in `ms`; the answer calls it off. */
  after(ms: number, work: () => void, owner?: Owner): () => void;
  /**
   * Goes on until `done` (asked between two steps) or until `limitMs`; false where it was not done by then. Rejects where time hardly moves any
   * more: a loop that nothing slows down.
   */
  run(done: () => boolean, limitMs: number): Promise<boolean>;
  /** What was done so far. */
  readonly steps: number;
}

interface Task {
  readonly atMs: number;
  /** Drawn: which of those due at one moment is first. */
  readonly tie: number;
  readonly owner: Owner | undefined;
  work: (() => void) | undefined;
}

/** When the simulated world begins. */
export const BEGINNING_MS = Date.UTC(2026, 5, 1);

const before = (one: Task, other: Task): boolean => one.atMs < other.atMs || (one.atMs === other.atMs && one.tie < other.tie);

/** A binary heap with the next task at its top. */
function createHeap(): { push(task: Task): void; pop(): Task | undefined; readonly top: Task | undefined } {
  const tasks: Task[] = [];
  const at = (index: number): Task => {
    const task = tasks[index];
    if (task === undefined) throw new RangeError('the heap has no such place');
    return task;
  };
  const swap = (one: number, other: number): void => {
    const kept = at(one);
    tasks[one] = at(other);
    tasks[other] = kept;
  };
  const sink = (): void => {
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      if (left >= tasks.length) return;
      const child = left + 1 < tasks.length && before(at(left + 1), at(left)) ? left + 1 : left;
      if (!before(at(child), at(parent))) return;
      swap(child, parent);
      parent = child;
    }
  };
  return {
    get top() {
      return tasks[0];
    },
    push(task) {
      tasks.push(task);
      for (let child = tasks.length - 1; child > 0;) {
        const parent = (child - 1) >> 1;
        if (!before(at(child), at(parent))) return;
        swap(child, parent);
        child = parent;
      }
    },
    pop() {
      const [first] = tasks;
      const last = tasks.pop();
      if (first !== last && last !== undefined) {
        tasks[0] = last;
        sink();
      }
      return first;
    },
  };
}

/** Busy clouds of a simulation take some hundreds in a simulated second. */
const MOST_STEPS = 20_000;

/** Calls back when everything has run that waits for no time; the event loop, which costs more, comes round for who asked for a turn of it. */
function afterTurn(then: () => void): void {
  // Ticks come when there are no microtasks left, the one that asks for this tick and all that follow it among them.
  queueMicrotask(() => {
    process.nextTick(() => {
      if (process.getActiveResourcesInfo().includes('Immediate')) setImmediate(() => afterTurn(then));
      else then();
    });
  });
}

/** A timeline at its beginning. */
export function createTimeline(random: Random): Timeline {
  const heap = createHeap();
  let now = 0;
  let steps = 0;
  let second = 0;
  let stepsBefore = 0;
  const isLooping = (): boolean => {
    const current = Math.floor(now / 1000);
    if (current !== second) stepsBefore = steps;
    second = current;
    return steps - stepsBefore > MOST_STEPS;
  };
  /** What is called off costs nothing but its place. */
  const next = (): Task | undefined => {
    while (heap.top !== undefined && heap.top.work === undefined) heap.pop();
    return heap.top;
  };
  const step = ({ work, owner, atMs }: Task): void => {
    heap.pop();
    now = Math.max(now, atMs);
    if (work === undefined || owner?.admits(work) === false) return;
    steps += 1;
    work();
  };
  return {
    now: () => now,
    get steps() {
      return steps;
    },
    after(ms, work, owner) {
      const task: Task = { atMs: now + Math.max(0, ms), tie: random.next(), owner, work };
      heap.push(task);
      return () => {
        task.work = undefined;
      };
    },
    run(done, limitMs) {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      /** Whether it was done at the end; undefined: it is not over. */
      const advance = (): boolean | undefined => {
        if (done()) return true;
        if (isLooping()) throw new Error(`more than ${MOST_STEPS} steps in a simulated second: a loop that nothing slows down`);
        const task = next();
        if (task === undefined || task.atMs > limitMs) {
          now = Math.max(now, limitMs);
          return false;
        }
        step(task);
        return undefined;
      };
      const goOn = (): void => {
        try {
          const ended = advance();
          if (ended === undefined) afterTurn(goOn);
          else resolve(ended);
        } catch (error) {
          reject(error);
        }
      };
      afterTurn(goOn);
      return promise;
    },
  };
}

/** The clock of one process: timers that it set are its own, and its monotonic zero is nobody else's. */
export function clockOf(timeline: Timeline, zeroMs: number, owner?: Owner): Clock {
  return {
    now: () => BEGINNING_MS + Math.floor(timeline.now()),
    monotonic: () => zeroMs + timeline.now(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const forget = whenAborted(signal, () => {
          cancel();
          reject(signal.reason as Error);
        });
        const wake = (): void => {
          forget();
          resolve();
        };
        const cancel = Number.isFinite(ms) ? timeline.after(ms, wake, owner) : () => undefined;
      }),
  };
}
