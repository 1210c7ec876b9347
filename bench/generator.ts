import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Job, Outcome } from './jobs.ts';

/** A load generator in a process of its own. */
export interface Generator {
  run(job: Job): Promise<Outcome>;
  end(): void;
}

interface Reply {
  readonly id: number;
  readonly outcome?: Outcome;
  readonly error?: string;
}

/** Starts a load generator; it ends with this process. */
export function startGenerator(): Generator {
  const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit', execArgv: ['--disable-warning=ExperimentalWarning'] });
  const waiting = new Map<number, { resolve: (outcome: Outcome) => void; reject: (error: Error) => void }>();
  let ids = 0;
  child.on('message', (message) => {
    const { id, outcome, error } = message as Reply;
    const asked = waiting.get(id);
    waiting.delete(id);
    if (outcome === undefined) asked?.reject(new Error(`load generator: ${error ?? 'no outcome'}`));
    else asked?.resolve(outcome);
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the load generator ended with ${code ?? 'a signal'}`));
    waiting.clear();
  });
  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        const id = (ids += 1);
        waiting.set(id, { resolve, reject });
        child.send({ id, job });
      }),
    end: () => {
      if (child.connected) child.disconnect();
    },
  };
}
