import { cachedPath, machinesPath } from './objects.ts';
import type { Side } from './side.ts';
import { FILLED, FILLED_TENTH, sound, type Sample, type Workload } from './workload.ts';

interface Listed {
  readonly seconds: number;
  readonly stallMs: number;
  readonly bytes: number;
}

/** Lists `clients` at once, while one other connection in another process gets: its longest wait is how long the server stood still. */
async function lists(side: Side, path: string, namespace: string, clients: number): Promise<Listed> {
  const shape = { verb: 'list', path } as const;
  const looking = side.probe({ kind: 'closed', shape: { verb: 'get', namespace, objects: 100 }, clients: 1, seconds: 1.5 });
  const listed = sound(await side.load({ kind: 'closed', shape, clients, count: clients }));
  const looked = sound(await looking);
  return { seconds: listed.seconds, stallMs: looked.latency.max, bytes: listed.bytes / clients };
}

/** P4: full JSON lists. */
export const LIST: Workload = {
  id: 'P4',
  title: 'full JSON list of 10k and 100k, 1 and 8 at once',
  on: 'filled',
  // Eight lists of 100,000 keep the peer busy for minutes.
  peerRounds: 1,
  targets: [
    ...['10k1', '10k8', '100k1', '100k8'].map((figure) => ({
      says: `seconds for ${figure.slice(0, -1)}, ${figure.slice(-1)} at once <= 0.2x`,
      figure,
      of: 'ratio' as const,
      atMost: 0.2,
    })),
    { says: 'no stall > 50 ms', figure: 'stallMs', of: 'absolute', atMost: 50 },
  ],
  async run(side) {
    const sample: Record<string, number> = { stallMs: 0 };
    for (const [size, namespace] of [
      ['10k', FILLED_TENTH],
      ['100k', FILLED],
    ] as const) {
      for (const clients of [1, 8]) {
        const { seconds, stallMs, bytes } = await lists(side, cachedPath(namespace), namespace, clients);
        sample[`${size}${clients}`] = seconds;
        sample[`${size}Bytes`] = bytes;
        sample[`${size}${clients}StallMs`] = stallMs;
        sample.stallMs = Math.max(sample.stallMs ?? 0, stallMs);
      }
    }
    sample.linearizable10k1 = (await lists(side, machinesPath(FILLED_TENTH), FILLED_TENTH, 1)).seconds;
    return sample satisfies Sample;
  },
};
