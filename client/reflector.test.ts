import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import { zone } from '../test/api-bench.ts';
import { createManualClock, type ManualClock } from '../test/manual-clock.ts';
import { eventually, hang, keptLog, openClientBench, watchRejections, type ClientBench } from '../test/client-bench.ts';
import type { Client, NewObject, ObjectEvent } from './client.ts';
import { reflect } from './reflector.ts';
import type { View, ViewChange } from './view.ts';

let bench: ClientBench;
let clock: ManualClock;
let stop: AbortController;
let rejections: ReturnType<typeof watchRejections>;
beforeEach(async () => {
  bench = await openClientBench();
  clock = createManualClock();
  stop = new AbortController();
  rejections = watchRejections();
});
afterEach(async () => {
  stop.abort(new Error('the test has ended'));
  await bench.close();
  rejections.end();
  expect(rejections.seen).toEqual([]);
});

const create = (name: string): Promise<ApiObject> => bench.client.create(ZoneKind, zone(name) as NewObject, bench.signal);
const label = (name: string, value: string): Promise<ApiObject> =>
  bench.client.patch(ZoneKind, { name }, { metadata: { labels: { value } } }, bench.signal);
const remove = (name: string): Promise<void> => bench.client.delete(ZoneKind, { name }, bench.signal);
const say = ({ old, object }: ViewChange<ApiObject>): string => {
  const { name, labels } = (object ?? old)?.metadata ?? { name: '?' };
  const value = labels?.value ?? '';
  return `${old === undefined ? 'new' : object === undefined ? 'gone' : 'changed'} ${name}${value === '' ? '' : `=${value}`}`;
};

function follow(
  client: Client,
  options: { readonly random?: () => number } = {},
): { readonly view: View<ApiObject>; readonly heard: string[] } {
  const view = reflect<ApiObject>(client, ZoneKind, { clock, random: options.random ?? (() => 1), log: keptLog() }, stop.signal);
  const heard: string[] = [];
  view.onChange((change) => heard.push(say(change)));
  return { view, heard };
}

/** A client whose lists are real and whose watches are told by the test. */
function told(watch: (resourceVersion: string, signal: AbortSignal) => AsyncIterable<ObjectEvent<ApiObject>>): Client {
  return { ...bench.client, watch: ((_kind, { resourceVersion }, signal) => watch(resourceVersion, signal)) as Client['watch'] };
}

const object = (name: string, version: number, uid = `uid-${name}`): ApiObject =>
  ({ ...zone(name), metadata: { name, uid, resourceVersion: String(version), generation: 1, creationTimestamp: '' } }) as ApiObject;

describe('a view', () => {
  test('has what was there, then what changes, and tells its listeners of each change once', async () => {
    await create('before');
    const { view, heard } = follow(bench.client);
    await view.synced(bench.signal);
    expect(view.list().map(({ metadata }) => metadata.name)).toEqual(['before']);
    await create('z');
    const changed = await label('z', '1');
    await view.reached(changed.metadata.resourceVersion, bench.signal);
    expect(view.get({ name: 'z' })?.metadata.labels).toEqual({ value: '1' });
    await remove('z');
    await eventually(() => view.get({ name: 'z' }) === undefined, 'gone');
    expect(heard).toEqual(['new before', 'new z', 'changed z=1', 'gone z=1']);
  });

  test('tells a listener nothing once it has stopped listening', async () => {
    const { view } = follow(bench.client);
    await view.synced(bench.signal);
    const heard: string[] = [];
    const end = view.onChange((change) => heard.push(say(change)));
    await view.reached((await create('a')).metadata.resourceVersion, bench.signal);
    end();
    await view.reached((await create('b')).metadata.resourceVersion, bench.signal);
    expect(heard).toEqual(['new a']);
  });

  test('goes on for all others though one listener throws', async () => {
    const view = reflect<ApiObject>(bench.client, ZoneKind, { clock, random: () => 1, log: keptLog() }, stop.signal);
    view.onChange(() => {
      throw new Error('a listener’s own defect');
    });
    const heard: string[] = [];
    view.onChange((change) => heard.push(say(change)));
    await view.synced(bench.signal);
    await view.reached((await create('a')).metadata.resourceVersion, bench.signal);
    await view.reached((await create('b')).metadata.resourceVersion, bench.signal);
    expect(heard).toEqual(['new a', 'new b']);
  });

  test('that has not reached a version in 10 s says Timeout, and a stopped wait its signal’s reason', async () => {
    const { view } = follow(bench.client);
    await view.synced(bench.signal);
    const late = view.reached('99999999999', bench.signal).catch((error: unknown) => error);
    const given = new AbortController();
    const stopped = view.reached('99999999999', given.signal).catch((error: unknown) => error);
    const reason = new Error('enough');
    given.abort(reason);
    expect(await stopped).toBe(reason);
    await clock.advance(9_999);
    expect(await Promise.race([late, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect(await late).toMatchObject({ name: 'ApiError', reason: 'Timeout' });
  });
});

describe('a new list after 410', () => {
  test('tells the differences only, and a recreated object as gone and then new', async () => {
    await create('same');
    await create('changes');
    await create('goes');
    await create('comes-back');
    let cut = (): void => undefined;
    let forgotten: string | undefined;
    const client = told((resourceVersion, signal) => {
      if (forgotten !== undefined && forgotten !== resourceVersion) return bench.client.watch(ZoneKind, { resourceVersion }, signal);
      return (async function* () {
        if (forgotten === undefined) await new Promise<void>((resolve) => (cut = resolve));
        forgotten = resourceVersion;
        yield* [];
        throw new ApiError('Expired', 'too old');
      })();
    });
    const { view, heard } = follow(client);
    await view.synced(bench.signal);
    heard.length = 0;
    const { uid } = view.get({ name: 'comes-back' })?.metadata ?? {};
    await label('changes', '1');
    await remove('goes');
    await remove('comes-back');
    const back = await create('comes-back');
    await create('added');
    cut();
    await clock.advance(400);
    await view.reached(back.metadata.resourceVersion, bench.signal);
    expect([...heard].sort()).toEqual(['changed changes=1', 'gone comes-back', 'gone goes', 'new added', 'new comes-back']);
    expect(heard.indexOf('gone comes-back')).toBeLessThan(heard.indexOf('new comes-back'));
    expect(view.get({ name: 'comes-back' })?.metadata.uid).not.toBe(uid);
  });
});

describe('a watch', () => {
  test('that the server ends, or cuts, goes on from the last version: no new list, nothing lost, nothing twice', async () => {
    let ends: (() => void)[] = [];
    const froms: string[] = [];
    const client = told((resourceVersion, signal) => {
      froms.push(resourceVersion);
      const ending = new AbortController();
      const cut = froms.length % 2 === 0;
      ends.push(() => {
        ending.abort(new Error('cut'));
      });
      return (async function* () {
        const events = bench.client.watch<ApiObject>(ZoneKind, { resourceVersion }, AbortSignal.any([signal, ending.signal]));
        try {
          yield* events;
        } catch (error) {
          if (signal.aborted) throw error;
        }
        if (cut) throw new ApiError('ServiceUnavailable', 'the watch was cut off');
      })();
    });
    const { view, heard } = follow(client);
    await view.synced(bench.signal);
    for (let index = 0; index < 6; index += 1) {
      await eventually(() => ends.length > 0, 'a watch');
      const seen = await create(`a-${String(index)}`);
      await view.reached(seen.metadata.resourceVersion, bench.signal);
      const [end] = ends;
      ends = [];
      end?.();
      await create(`b-${String(index)}`);
      await clock.advance(30_000);
    }
    await eventually(() => view.list().length === 12, 'all');
    expect(new Set(heard).size).toBe(12);
    expect(heard).toHaveLength(12);
    expect(bench.requests.filter(({ method, query }) => method === 'GET' && query.some(([name]) => name === 'limit'))).toHaveLength(1);
  });

  test('never takes the view back: older and repeated events change nothing', async () => {
    let served = false;
    const client = told((_version, signal) =>
      (async function* () {
        if (served) await hang(signal);
        served = true;
        yield { type: 'ADDED', object: object('z', 1_000_000) } as const;
        yield { type: 'MODIFIED', object: { ...object('z', 1_000_010), spec: { now: true } } } as const;
        yield { type: 'MODIFIED', object: object('z', 1_000_010) } as const;
        yield { type: 'DELETED', object: object('z', 1_000_005) } as const;
        yield { type: 'BOOKMARK', resourceVersion: '900000' } as const;
        yield { type: 'ADDED', object: object('late', 1_000_001) } as const;
        yield { type: 'BOOKMARK', resourceVersion: '1000020' } as const;
        await hang(signal);
      })(),
    );
    const { view, heard } = follow(client);
    await view.reached('1000020', bench.signal);
    expect(heard).toEqual(['new z', 'changed z']);
    expect(view.get({ name: 'z' })).toMatchObject({ spec: { now: true } });
  });
});

describe('a server that cannot be reached', () => {
  test('is asked ever more slowly, up to once in half a minute, and at once again after it answered', async () => {
    const askedMs: number[] = [];
    let down = true;
    const client = bench.clientOf(() => {
      if (!down) return undefined;
      askedMs.push(clock.monotonic());
      return Promise.reject(new ApiError('ServiceUnavailable', 'down'));
    });
    const { view } = follow(client);
    await clock.advance(180_000);
    const gaps = askedMs.slice(1).map((ms, index) => ms - (askedMs[index] ?? 0));
    expect(gaps.slice(0, 7)).toEqual([400, 800, 1_600, 3_200, 6_400, 12_800, 25_600]);
    expect(Math.max(...gaps)).toBe(30_000);
    down = false;
    await clock.advance(30_000);
    await view.synced(bench.signal);
  });

  test('is not asked by all at once: half of each wait is jitter', async () => {
    const askedMs: number[] = [];
    const client = bench.clientOf(() => {
      askedMs.push(clock.monotonic());
      return Promise.reject(new ApiError('ServiceUnavailable', 'down'));
    });
    follow(client, { random: () => 0 });
    await clock.advance(650);
    expect(askedMs).toEqual([0, 200, 600]);
  });

  test('whose watches end at once without a word is not asked in a hot loop', async () => {
    let watches = 0;
    const client = told(() =>
      (async function* () {
        watches += 1;
        yield* [];
        await Promise.resolve();
      })(),
    );
    follow(client);
    await clock.advance(120_000);
    expect(watches).toBeGreaterThan(3);
    expect(watches).toBeLessThan(15);
  });
});

test('nothing is asked any more once the signal aborts, in whatever it was just doing', async () => {
  for (const wait of [0, 1, 300]) {
    stop = new AbortController();
    const client = bench.clientOf((_request, signal) => (wait === 1 ? hang(signal) : undefined));
    const view = reflect<ApiObject>(client, ZoneKind, { clock, random: () => 1, log: keptLog() }, stop.signal);
    await clock.advance(wait);
    stop.abort(new Error('enough'));
    await clock.advance(0);
    const asked = bench.requests.length;
    await clock.advance(100_000);
    expect(bench.requests).toHaveLength(asked);
    expect(view.list()).toEqual([]);
  }
});
