import type { Owner, Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** A simulated process: what it waits for comes only while it lives, and while it stands still only afterwards. */
export interface SimProcess extends Owner {
  readonly alive: boolean;
  /** Ends it as a power cut would: nothing of it runs again, no cleanup, no last words. */
  kill(): void;
  /** Stands still, as under SIGSTOP, until `resume`. */
  pause(): void;
  resume(): void;
  /** Called at its death: the other ends of its connections find them closed. */
  onDeath(then: () => void): () => void;
}

/** A process that lives. */
export function createProcess(name: string, timeline: Timeline, trace: Trace): SimProcess {
  let state: 'running' | 'paused' | 'dead' = 'running';
  let kept: (() => void)[] = [];
  const mourners = new Set<() => void>();
  const process: SimProcess = {
    name,
    get alive() {
      return state !== 'dead';
    },
    admits(work) {
      if (state === 'paused') kept.push(work);
      return state === 'running';
    },
    kill() {
      if (state === 'dead') return;
      trace.add(`${name} dies`);
      state = 'dead';
      kept = [];
      for (const then of mourners) then();
      mourners.clear();
    },
    pause() {
      if (state !== 'running') return;
      trace.add(`${name} stands still`);
      state = 'paused';
    },
    resume() {
      if (state !== 'paused') return;
      trace.add(`${name} goes on`);
      state = 'running';
      const due = kept;
      kept = [];
      for (const work of due) timeline.after(0, work, process);
    },
    onDeath(then) {
      mourners.add(then);
      return () => mourners.delete(then);
    },
  };
  return process;
}
