import { cachedPath, RARE_LABEL, RARE_ZONE } from './objects.ts';
import { FILLED, scaled, sound, type Workload } from './workload.ts';

/** P5: lists that select few of many. */
export const SELECTORS: Workload = {
  id: 'P5',
  title: 'list by label / field selector, 0 and 100 hits of 100k',
  on: 'filled',
  targets: ['label0', 'label100', 'field0', 'field100'].flatMap((figure) => [
    { says: `${figure}: median <= 0.1x`, figure, of: 'ratio' as const, atMost: 0.1 },
    { says: `${figure}: p99 <= 20 ms`, figure: `${figure}P99`, of: 'absolute' as const, atMost: 20 },
  ]),
  async run(side, { scale }) {
    const sample: Record<string, number> = {};
    const queries = {
      label0: `labelSelector=${RARE_LABEL}%3Dnever`,
      label100: `labelSelector=${RARE_LABEL}%3Dyes`,
      field0: 'fieldSelector=spec.placement.zone%3Dnever',
      field100: `fieldSelector=spec.placement.zone%3D${RARE_ZONE}`,
    };
    for (const [figure, query] of Object.entries(queries)) {
      const shape = { verb: 'list', path: `${cachedPath(FILLED)}&${query}` } as const;
      const { latency, bytes, requests } = sound(await side.load({ kind: 'closed', shape, clients: 1, seconds: scaled(1, scale, 0.5) }));
      sample[figure] = latency.p50;
      sample[`${figure}P99`] = latency.p99;
      sample[`${figure}Bytes`] = bytes / requests;
    }
    return sample;
  },
};
