import fc from 'fast-check';
import type { ApiObject } from '../../apis/meta/object.ts';
import { nextEvents, openBench, zone, ZONES, type Bench } from '../../test/api-bench.ts';

type Step =
  | { readonly do: 'create' | 'delete' | 'relabel' | 'release' | 'hold'; readonly name: string; readonly value: string }
  | { readonly do: 'look' };

const name = fc.constantFrom('a', 'b', 'c');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('create', 'delete', 'relabel', 'release', 'hold'), name, value: fc.constantFrom('x', 'y') }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'look' } as const) },
);

async function take(bench: Bench, step: Exclude<Step, { do: 'look' }>): Promise<void> {
  const path = `${ZONES}/${step.name}`;
  const patch = (metadata: object): Promise<unknown> => bench.ask('PATCH', path, { body: { metadata } });
  switch (step.do) {
    case 'create':
      await bench.ask('POST', ZONES, { body: zone(step.name) });
      return;
    case 'delete':
      await bench.ask('DELETE', path);
      return;
    case 'relabel':
      await patch({ labels: { value: step.value } });
      return;
    case 'hold':
      await patch({ finalizers: ['example.org/hold'] });
      return;
    case 'release':
      await patch({ finalizers: null });
  }
}

/** Replays the events of a watch over a list; checks that they fit what was there. */
function replay(objects: ReadonlyMap<string, ApiObject>, events: Awaited<ReturnType<typeof nextEvents>>): Map<string, ApiObject> {
  const now = new Map(objects);
  let last = 0n;
  for (const { type, object } of events) {
    if (type === 'BOOKMARK') continue;
    expect(BigInt(object.metadata.resourceVersion)).toBeGreaterThan(last);
    last = BigInt(object.metadata.resourceVersion);
    expect([type, now.has(object.metadata.name)]).toEqual([type, type !== 'ADDED']);
    if (type === 'DELETED') now.delete(object.metadata.name);
    else now.set(object.metadata.name, object);
  }
  return now;
}

const byName = (objects: Iterable<ApiObject>): Map<string, ApiObject> =>
  new Map([...objects].map((object) => [object.metadata.name, object]));

describe('the watch cache', () => {
  test('a watch from any version that a list gave, replayed over that list, is the list of the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        fc.constantFrom('', 'value=x'),
        async (rounds, labelSelector) => {
          const bench = await openBench();
          const query = labelSelector === '' ? {} : { labelSelector };
          const list = async (): Promise<{ resourceVersion: string; objects: Map<string, ApiObject> }> => {
            const { body } = await bench.ask('GET', ZONES, { query });
            return { resourceVersion: body.metadata.resourceVersion, objects: byName(body.items) };
          };
          const looks = [await list()];
          for (const round of rounds) {
            // Steps of a round race, so that they share batches and conflict.
            await Promise.all(round.map((one) => (one.do === 'look' ? list().then((look) => looks.push(look)) : take(bench, one))));
          }
          const end = await list();
          await bench.create(ZONES, zone('the-end', { metadata: { name: 'the-end', labels: { value: 'x' } } }));
          for (const { resourceVersion, objects } of looks) {
            const stop = new AbortController();
            const seen = [];
            for await (const event of await bench.watch(ZONES, { ...query, resourceVersion }, stop.signal)) {
              const [one] = await nextEvents(
                (async function* () {
                  yield event;
                })(),
                1,
              );
              if (one?.object.metadata.name === 'the-end') break;
              if (one !== undefined) seen.push(one);
            }
            stop.abort();
            expect(replay(objects, seen)).toEqual(end.objects);
            const exact = await bench.ask('GET', ZONES, { query: { ...query, resourceVersion, resourceVersionMatch: 'Exact' } });
            expect(byName(exact.body.items)).toEqual(objects);
          }
          expect(bench.troubles).toEqual([]);
          await bench.close();
        },
      ),
      { numRuns: 150 },
    );
  }, 30_000);
});
