import fc from 'fast-check';
import { ApiError } from '../../apis/meta/api-error.ts';
import { describeRecall, describeStoreWatches } from './conformance-watch.ts';
import { modelCommands, replay } from './conformance-model.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from './key-range.ts';
import type { Store, StoredObject, StoreWrite } from './store.ts';

/** A store under test, empty at first; `close` also removes what it left behind. */
export interface StoreSubject {
  readonly store: Store;
  /** Closes the store and opens the same data again. */
  readonly reopen?: () => Promise<Store>;
  readonly close: () => Promise<void>;
}

const signal = AbortSignal.timeout(600_000);

/** Declares the tests that every Store must pass; `open` gives a fresh, empty one each time. */
export function storeConformance(name: string, open: () => Promise<StoreSubject>): void {
  describe(`the store ${name}`, () => {
    let subject: StoreSubject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(async () => {
      await subject.close();
    });

    describeWrites(() => subject.store);
    describeConcurrency(() => subject.store);
    describeRefusals(() => subject.store);
    describeStoreWatches(() => subject.store);
    describeRecall(
      () => subject.store,
      () => subject.reopen?.() ?? Promise.resolve(subject.store),
    );
    describeLife(() => subject);
    describeModel(open);
  });
}

/** Writes, and fails the test unless the write succeeds. */
export async function mustWrite(store: Store, write: StoreWrite): Promise<bigint> {
  const outcome = await store.write(write, signal);
  if (!outcome.ok) throw new Error(`${write.do} ${write.key} was refused: the key holds ${JSON.stringify(outcome.current?.value)}`);
  return outcome.resourceVersion;
}

function describeWrites(store: () => Store): void {
  test('a created object is read back with its version, alone and in a list', async () => {
    const resourceVersion = await mustWrite(store(), { do: 'create', key: '/a/1', value: '{"n":"ü€😀\\u0000"}' });
    const object: StoredObject = { key: '/a/1', value: '{"n":"ü€😀\\u0000"}', resourceVersion };
    expect(await store().get('/a/1', signal)).toEqual(object);
    const list = await store().list('/a/', signal);
    expect(list.objects).toEqual([object]);
    expect(list.resourceVersion >= resourceVersion).toBe(true);
    expect(list.resourceVersion % 64n).toBe(63n);
  });

  test('a key that does not exist is undefined, and no list holds it', async () => {
    expect(await store().get('/a/1', signal)).toBeUndefined();
    expect((await store().list('', signal)).objects).toEqual([]);
  });

  test('create fails where the key exists, and says what is there', async () => {
    const resourceVersion = await mustWrite(store(), { do: 'create', key: '/k', value: '1' });
    const again = await store().write({ do: 'create', key: '/k', value: '2' }, signal);
    expect(again).toEqual({ ok: false, current: { key: '/k', value: '1', resourceVersion } });
  });

  test('replace, remove and compare succeed at exactly the version that the key has', async () => {
    const first = await mustWrite(store(), { do: 'create', key: '/k', value: '1' });
    const second = await mustWrite(store(), { do: 'replace', key: '/k', value: '2', resourceVersion: first });
    expect(second).toBeGreaterThan(first);
    expect(await store().write({ do: 'compare', key: '/k', resourceVersion: second }, signal)).toEqual({
      ok: true,
      resourceVersion: second,
    });
    const current = { key: '/k', value: '2', resourceVersion: second };
    for (const wrong of [first, second + 1n, second | 63n, 0n, 2n ** 62n, -1n].filter((version) => version !== second)) {
      expect(await store().write({ do: 'replace', key: '/k', value: 'x', resourceVersion: wrong }, signal)).toEqual({ ok: false, current });
      expect(await store().write({ do: 'remove', key: '/k', resourceVersion: wrong }, signal)).toEqual({ ok: false, current });
      expect(await store().write({ do: 'compare', key: '/k', resourceVersion: wrong }, signal)).toEqual({ ok: false, current });
    }
    expect(await mustWrite(store(), { do: 'remove', key: '/k', resourceVersion: second })).toBeGreaterThan(second);
    expect(await store().get('/k', signal)).toBeUndefined();
  });

  test('an empty value is a value', async () => {
    const created = await mustWrite(store(), { do: 'create', key: '/k', value: '' });
    expect(await store().get('/k', signal)).toEqual({ key: '/k', value: '', resourceVersion: created });
    const replaced = await mustWrite(store(), { do: 'replace', key: '/k', value: '', resourceVersion: created });
    await mustWrite(store(), { do: 'remove', key: '/k', resourceVersion: replaced });
  });

  test('replace, remove and compare fail where there is no key', async () => {
    for (const write of [
      { do: 'replace', key: '/k', value: '1', resourceVersion: 0n },
      { do: 'remove', key: '/k', resourceVersion: 64n },
      { do: 'compare', key: '/k', resourceVersion: 0n },
    ] satisfies StoreWrite[]) {
      expect(await store().write(write, signal)).toEqual({ ok: false, current: undefined });
    }
  });

  test('a removed key can be created again, at a later version', async () => {
    const created = await mustWrite(store(), { do: 'create', key: '/k', value: '1' });
    const removed = await mustWrite(store(), { do: 'remove', key: '/k', resourceVersion: created });
    expect(await mustWrite(store(), { do: 'create', key: '/k', value: '1' })).toBeGreaterThan(removed);
  });

  test('a list holds the keys of its prefix only, in the order of their UTF-8 bytes', async () => {
    const inside = ['/p/', '/p/A', '/p/a', '/p/a/b', '/p/a0', '/p/é', '/p/\uffee', '/p/😀', '/p/\u{10ffff}'];
    const outside = ['/o', '/p', '/p0', '/q', '0', '\u{10ffff}'];
    await Promise.all([...outside, ...inside].toReversed().map((key) => mustWrite(store(), { do: 'create', key, value: key })));
    const keys = async (prefix: string): Promise<readonly string[]> =>
      (await store().list(prefix, signal)).objects.map((object) => object.key);
    expect(await keys('/p/')).toEqual(inside);
    expect(await keys('\u{10ffff}')).toEqual(['\u{10ffff}']);
    expect(await keys('')).toEqual(['/o', '/p', ...inside, '/p0', '/q', '0', '\u{10ffff}']);
  });
}

function describeConcurrency(store: () => Store): void {
  test('concurrent creates of different keys all succeed, each at a version of its own', async () => {
    const keys = Array.from({ length: 200 }, (_, at) => `/c/${String(at).padStart(3, '0')}`);
    const versions = await Promise.all(keys.map((key) => mustWrite(store(), { do: 'create', key, value: key })));
    expect(new Set(versions).size).toBe(keys.length);
    const list = await store().list('/c/', signal);
    expect(list.objects).toEqual(keys.map((key, at) => ({ key, value: key, resourceVersion: versions[at] })));
  });

  test('of concurrent writers at one version exactly one wins, and the others see what it wrote', async () => {
    let resourceVersion = await mustWrite(store(), { do: 'create', key: '/k', value: 'start' });
    for (let round = 0; round < 5; round += 1) {
      const contenders = Array.from({ length: 20 }, (_, at): StoreWrite => ({
        do: 'replace',
        key: '/k',
        value: String(at),
        resourceVersion,
      }));
      const outcomes = await Promise.all(contenders.map((write) => store().write(write, signal)));
      const winners = outcomes.flatMap((outcome, at) => (outcome.ok ? [{ at, version: outcome.resourceVersion }] : []));
      expect(winners).toHaveLength(1);
      const [winner] = winners;
      const current = { key: '/k', value: String(winner?.at), resourceVersion: winner?.version };
      // A loser that was decided before the winner would have won.
      for (const outcome of outcomes) if (!outcome.ok) expect(outcome.current).toEqual(current);
      resourceVersion = winner?.version ?? 0n;
    }
  });

  test('one failing write does not hurt those that it shares a batch with', async () => {
    await mustWrite(store(), { do: 'create', key: '/taken', value: '' });
    const outcomes = await Promise.all(
      ['/1', '/taken', '/2', '/taken', '/3'].map((key) => store().write({ do: 'create', key, value: '' }, signal)),
    );
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, true, false, true]);
  });

  test('the revision has reached every acknowledged write and moves with nothing else', async () => {
    const version = await mustWrite(store(), { do: 'create', key: '/k', value: '' });
    const revision = await store().revision(signal);
    expect(revision).toBe(version | 63n);
    await store().write({ do: 'create', key: '/k', value: '' }, signal);
    await store().write({ do: 'compare', key: '/k', resourceVersion: version }, signal);
    expect(await store().revision(signal)).toBe(revision);
  });
}

function describeRefusals(store: () => Store): void {
  test.each([
    ['an empty key', { do: 'create', key: '', value: '' }, 'BadRequest'],
    ['a key with NUL', { do: 'create', key: '/a\0b', value: '' }, 'BadRequest'],
    ['a key with half a surrogate pair', { do: 'create', key: '/\ud800', value: '' }, 'BadRequest'],
    ['a key that is too long', { do: 'create', key: 'k'.repeat(MAX_KEY_BYTES + 1), value: '' }, 'RequestEntityTooLarge'],
    ['a value that is too long', { do: 'create', key: '/k', value: 'é'.repeat(MAX_VALUE_BYTES / 2) + 'e' }, 'RequestEntityTooLarge'],
    ['a value with half a surrogate pair', { do: 'create', key: '/k', value: '\udc00' }, 'BadRequest'],
  ] satisfies [string, StoreWrite, string][])('%s is refused', async (_, write, reason) => {
    await expect(store().write(write, signal)).rejects.toMatchObject({ name: 'ApiError', reason });
    expect((await store().list('', signal)).objects).toEqual([]);
  });

  test('several values of the greatest length, under keys of the greatest length, are stored and replaced together with small ones', async () => {
    const large = ['1', '2', '3'].map((name) => name.repeat(MAX_KEY_BYTES));
    const small = Array.from({ length: 100 }, (_, at) => `/${String(at)}`);
    const value = 'é'.repeat(MAX_VALUE_BYTES / 2);
    const write = (key: string, text: string): Promise<bigint> => mustWrite(store(), { do: 'create', key, value: text });
    const versions = await Promise.all([...large.map((key) => write(key, value)), ...small.map((key) => write(key, ''))]);
    await Promise.all(
      large.map((key, at) => mustWrite(store(), { do: 'replace', key, value: value.toUpperCase(), resourceVersion: versions[at] ?? 0n })),
    );
    const { objects } = await store().list('', signal);
    expect(objects.filter((object) => object.value === 'É'.repeat(MAX_VALUE_BYTES / 2)).map(({ key }) => key)).toEqual(large);
    expect(objects).toHaveLength(103);
  });

  test('a call with an aborted signal rejects with its reason and writes nothing', async () => {
    const reason = new Error('gone');
    const aborted = AbortSignal.abort(reason);
    await expect(store().write({ do: 'create', key: '/k', value: '' }, aborted)).rejects.toBe(reason);
    await expect(store().get('/k', aborted)).rejects.toBe(reason);
    await expect(store().list('', aborted)).rejects.toBe(reason);
    await expect(store().revision(aborted)).rejects.toBe(reason);
    expect(await store().get('/k', signal)).toBeUndefined();
  });

  test('a write given up after it was sent rejects with Timeout, for its outcome is not known', async () => {
    const controller = new AbortController();
    const written = store().write({ do: 'create', key: '/k', value: '' }, controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('gone'));
    const result = await written.then(
      () => 'written',
      (error: unknown) => (error instanceof ApiError ? error.reason : 'aborted'),
    );
    expect(['Timeout', 'written']).toContain(result);
  });
}

function describeLife(subject: () => StoreSubject): void {
  test('a closed store refuses every call with ServiceUnavailable', async () => {
    const { store } = subject();
    await store.close();
    await store.close();
    const refused = { name: 'ApiError', reason: 'ServiceUnavailable' };
    await expect(store.get('/k', signal)).rejects.toMatchObject(refused);
    await expect(store.list('', signal)).rejects.toMatchObject(refused);
    await expect(store.revision(signal)).rejects.toMatchObject(refused);
    await expect(store.write({ do: 'create', key: '/k', value: '' }, signal)).rejects.toMatchObject(refused);
  });

  test('closing finishes the writes that were under way', async () => {
    const { store } = subject();
    const writes = Array.from({ length: 100 }, (_, at) => mustWrite(store, { do: 'create', key: `/${String(at)}`, value: '' }));
    await store.close();
    expect(await Promise.all(writes)).toHaveLength(100);
  });

  test('what was acknowledged is there after opening again, and versions go on', async () => {
    const { store, reopen } = subject();
    expect(store.identity.installation).toMatch(/^[0-9a-f-]{36}$/);
    expect(store.identity.incarnation).toBeGreaterThanOrEqual(1);
    if (reopen === undefined) return;
    const kept = await mustWrite(store, { do: 'create', key: '/kept', value: '1' });
    const gone = await mustWrite(store, { do: 'create', key: '/gone', value: '1' });
    const removed = await mustWrite(store, { do: 'remove', key: '/gone', resourceVersion: gone });
    const before = await store.revision(signal);
    const again = await reopen();
    expect(again.identity).toEqual(store.identity);
    expect(await again.revision(signal)).toBe(before);
    expect((await again.list('', signal)).objects).toEqual([{ key: '/kept', value: '1', resourceVersion: kept }]);
    expect(await mustWrite(again, { do: 'create', key: '/new', value: '' })).toBeGreaterThan(removed);
  });
}

function describeModel(open: () => Promise<StoreSubject>): void {
  test('any sequence of writes gives what a plain map gives, and the watch tells exactly that history', async () => {
    await fc.assert(
      fc.asyncProperty(modelCommands, async (commands) => {
        const { store, close } = await open();
        try {
          await replay(store, commands, signal);
        } finally {
          await close();
        }
      }),
      { numRuns: 20 },
    );
  }, 30_000);
}
