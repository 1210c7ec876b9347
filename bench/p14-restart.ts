import { FILLED, type Workload } from './workload.ts';

/** P14: from the start after kill -9 of server and store until all objects have been listed: a list of one says nothing of a cache. */
export const RESTART: Workload = {
  id: 'P14',
  title: 'kill -9 with 100k objects, start again',
  on: 'filled',
  rounds: 2,
  // It takes most of a minute.
  peerRounds: 1,
  targets: [
    { says: 'ready <= 5 s', figure: 'seconds', of: 'absolute', atMost: 5 },
    { says: 'ready <= 0.7x', figure: 'seconds', of: 'ratio', atMost: 0.7 },
  ],
  async run(side) {
    return { seconds: await side.restart(FILLED) };
  },
};
