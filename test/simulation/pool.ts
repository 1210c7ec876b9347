import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { doJob, type Job, type JobResult } from './jobs.ts';

type Message = { readonly result: JobResult } | { readonly error: string };

/** Several may take from it in turns. */
async function* each(jobs: Iterable<Job> | AsyncIterable<Job>): AsyncGenerator<Job, void, undefined> {
  yield* jobs;
}

const EXEC = ['--disable-warning=ExperimentalWarning'];

/** Does jobs on so many threads (0: on this one); `done` hears of each. Rejects where a job itself fails, which is not what a run comes to. */
export async function doAll(jobs: Iterable<Job> | AsyncIterable<Job>, threads: number, done: (result: JobResult) => void): Promise<void> {
  if (threads === 0) {
    for await (const job of jobs) done(await doJob(job));
    return;
  }
  const waiting = each(jobs);
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./job-worker.ts', import.meta.url), { execArgv: EXEC });
    try {
      for await (const job of waiting) {
        const answer = once(worker, 'message');
        worker.postMessage(job);
        const [message] = (await answer) as [Message];
        if ('error' in message) throw new Error(message.error);
        done(message.result);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
}
