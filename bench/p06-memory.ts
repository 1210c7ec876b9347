import { atTenth } from './fill.ts';
import { cachedPath } from './objects.ts';
import { resetPeak, usage } from './processes.ts';
import { FILLED, sound, type Workload } from './workload.ts';

const LISTS = 20;

/** P6: the server's memory, without its store's. */
export const MEMORY: Workload = {
  id: 'P6',
  title: 'memory at 10k and 100k objects, after 20 full lists',
  on: 'filled',
  rounds: 1,
  targets: [
    { says: 'peak <= 0.35x', figure: 'peakMiB', of: 'ratio', atMost: 0.35 },
    { says: 'slope <= 5 KB an object', figure: 'slopeBytes', of: 'absolute', atMost: 5_000 },
  ],
  async run(side, { objects }) {
    await resetPeak(side.pid());
    sound(await side.load({ kind: 'closed', shape: { verb: 'list', path: cachedPath(FILLED) }, clients: 1, count: LISTS }));
    const { rss, peak } = await usage(side.pid());
    const tenth = atTenth(side);
    const mebibytes = (bytes: number): number => bytes / 2 ** 20;
    return {
      tenthMiB: mebibytes(tenth.rss),
      rssMiB: mebibytes(rss),
      peakMiB: mebibytes(peak),
      slopeBytes: (rss - tenth.rss) / objects,
    };
  },
};
