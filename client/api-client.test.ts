import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import { API_ERROR_CODES, ApiError } from '../apis/meta/api-error.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ApiRequest, ApiResponse } from '../apis/meta/request.ts';
import { zone, ZONES } from '../test/api-bench.ts';
import { hang, openClientBench, type ClientBench } from '../test/client-bench.ts';
import { errorOf } from './api-client.ts';
import type { Client, NewObject, ObjectEvent } from './client.ts';

let bench: ClientBench;
let signal: AbortSignal;
beforeEach(async () => {
  bench = await openClientBench();
  signal = bench.signal;
});
afterEach(async () => {
  await bench.close();
  expect(bench.troubles).toEqual([]);
});

const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<ApiResponse> =>
  Promise.resolve({ status, headers, body });
const expired = (): Promise<ApiResponse> => answer(410, { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
const create = (client: Client, name: string): Promise<ApiObject> => client.create(ZoneKind, zone(name) as NewObject, signal);
const isPage = ({ method, query }: ApiRequest): boolean => method === 'GET' && query.some(([name]) => name === 'continue');
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('a list', () => {
  test('of more than a page holds every object once, as of one moment, with kind and apiVersion', async () => {
    for (let index = 0; index < 1_203; index += 1) await create(bench.client, `z-${String(index)}`);
    const { items, resourceVersion } = await bench.client.list<ApiObject>(ZoneKind, {}, signal);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(1_203);
    expect(items).toHaveLength(1_203);
    expect(items[700]).toMatchObject({ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Zone' });
    expect(BigInt(resourceVersion)).toBeGreaterThanOrEqual(BigInt(items.at(-1)?.metadata.resourceVersion ?? ''));
    expect(bench.requests.filter(isPage)).toHaveLength(2);
  });

  test('that expires between two pages is begun again from the start, three times at most', async () => {
    for (let index = 0; index < 501; index += 1) await create(bench.client, `z-${String(index)}`);
    let refused = 0;
    const once = bench.clientOf((request) => (isPage(request) && (refused += 1) === 1 ? expired() : undefined));
    expect((await once.list(ZoneKind, {}, signal)).items).toHaveLength(501);
    const never = bench.clientOf((request) => (isPage(request) && (refused += 1) > 0 ? expired() : undefined));
    refused = 0;
    await expect(never.list(ZoneKind, {}, signal)).rejects.toMatchObject({ name: 'ApiError', reason: 'Expired' });
    expect(refused).toBe(3);
  });

  test('keeps to its selectors on every page', async () => {
    for (const name of ['a', 'b']) {
      await bench.client.create(ZoneKind, zone(name, { metadata: { name, labels: { of: name } } }) as NewObject, signal);
    }
    const named = async (options: object): Promise<readonly string[]> =>
      (await bench.client.list<ApiObject>(ZoneKind, options, signal)).items.map(({ metadata }) => metadata.name);
    expect(await named({ labelSelector: 'of=b' })).toEqual(['b']);
    expect(await named({ fieldSelector: 'metadata.name=a' })).toEqual(['a']);
  });
});

describe('a failed request', () => {
  test('rejects with the reason, the message and the details of the Status', async () => {
    await create(bench.client, 'z');
    await expect(create(bench.client, 'z')).rejects.toMatchObject({ reason: 'AlreadyExists', details: { name: 'z', kind: 'zones' } });
    const invalid = zone('z2', { spec: { allocation: 'Sometimes' } }) as NewObject;
    const error = await caught(bench.client.create(ZoneKind, invalid, signal));
    expect(error).toMatchObject({ name: 'ApiError', reason: 'Invalid', code: 422 });
    expect((error as ApiError).details.causes?.[0]?.field).toBe('spec.allocation');
  });

  test.each(Object.entries(API_ERROR_CODES))('with the reason %s is an ApiError of that reason', (reason, code) => {
    expect(errorOf({ kind: 'Status', reason, code, message: 'm' }, code)).toMatchObject({ reason, code, message: 'm' });
  });

  test.each([
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [413, 'RequestEntityTooLarge'],
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [502, 'ServiceUnavailable'],
    [503, 'ServiceUnavailable'],
    [504, 'Timeout'],
    [418, 'InternalError'],
  ])('that somebody else than the API answered with %i is %s', (status, reason) => {
    expect(errorOf('<html>no</html>', status)).toMatchObject({ reason, message: `the server answered ${String(status)}` });
  });

  test.each([404, 409])('with %i that is no Status of the API never says that an object is absent or has changed', async (status) => {
    const client = bench.clientOf(() => answer(status, 'page not found'));
    await expect(client.get(ZoneKind, { name: 'z' }, signal)).rejects.toMatchObject({ reason: 'InternalError' });
    await expect(client.delete(ZoneKind, { name: 'z' }, signal)).rejects.toMatchObject({ reason: 'InternalError' });
  });

  test('says how long to wait where the server did', () => {
    expect(errorOf({}, 429, { 'retry-after': '7' }).details).toEqual({ retryAfterSeconds: 7 });
    expect(errorOf({}, 429, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }).details).toEqual({});
  });

  test('ends with the signal’s reason when it is given up', async () => {
    const stop = new AbortController();
    const client = bench.clientOf((_request, given) => hang(given));
    const asked = caught(client.get(ZoneKind, { name: 'z' }, stop.signal));
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await asked).toBe(reason);
  });
});

describe('one object', () => {
  test('that is absent is undefined, and deleting it is done already', async () => {
    expect(await bench.client.get(ZoneKind, { name: 'none' }, signal)).toBeUndefined();
    await bench.client.delete(ZoneKind, { name: 'none' }, signal);
  });

  test('is deleted by uid only as itself, never as its successor of the same name', async () => {
    const old = await create(bench.client, 'z');
    await bench.client.delete(ZoneKind, { name: 'z', uid: old.metadata.uid }, signal);
    const next = await create(bench.client, 'z');
    const error = await caught(bench.client.delete(ZoneKind, { name: 'z', uid: old.metadata.uid }, signal));
    expect(error).toMatchObject({ reason: 'Conflict' });
    expect((await bench.client.get<ApiObject>(ZoneKind, { name: 'z' }, signal))?.metadata.uid).toBe(next.metadata.uid);
  });

  test('is replaced and patched only at the version that was read, and equal content keeps the version', async () => {
    const first = await create(bench.client, 'z');
    const labelled = { metadata: { labels: { a: 'b' }, resourceVersion: first.metadata.resourceVersion } };
    const second = await bench.client.patch<ApiObject>(ZoneKind, { name: 'z' }, labelled, signal);
    await expect(bench.client.patch(ZoneKind, { name: 'z' }, labelled, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(bench.client.replace(ZoneKind, first, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(bench.client.replaceStatus(ZoneKind, first, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    const same = await bench.client.replaceStatus<ApiObject>(ZoneKind, second, signal);
    expect(same.metadata.resourceVersion).toBe(second.metadata.resourceVersion);
  });
});

describe('a watch', () => {
  test('tells every change after a version in order, and ends quietly with its signal', async () => {
    const { resourceVersion } = await bench.client.list(ZoneKind, {}, signal);
    const stop = new AbortController();
    const made = await create(bench.client, 'z');
    await bench.client.patch(ZoneKind, { name: 'z' }, { metadata: { labels: { a: 'b' } } }, signal);
    await bench.client.delete(ZoneKind, { name: 'z' }, signal);
    const seen: ObjectEvent<ApiObject>[] = [];
    for await (const event of bench.client.watch<ApiObject>(ZoneKind, { resourceVersion }, stop.signal)) {
      if (event.type !== 'BOOKMARK') seen.push(event);
      if (seen.length === 3) break;
    }
    expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(seen[0]).toMatchObject({ object: { metadata: { uid: made.metadata.uid, name: 'z' } } });
  });

  test('from a version that is forgotten rejects with Expired, whether the answer or an event says so', async () => {
    const first = async (client: Client, resourceVersion: string): Promise<unknown> => {
      const watch = client.watch(ZoneKind, { resourceVersion }, signal);
      return caught(Promise.resolve(watch[Symbol.asyncIterator]().next()));
    };
    expect(await first(bench.client, '1')).toMatchObject({ name: 'ApiError', code: 410 });
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    async function* events(): AsyncIterable<{ readonly type: 'ERROR'; readonly object: unknown }> {
      yield await Promise.resolve({ type: 'ERROR' as const, object: status });
    }
    const told = bench.clientOf(() => Promise.resolve({ status: 200, headers: {}, events: events() }));
    expect(await first(told, '1')).toMatchObject({ name: 'ApiError', reason: 'Expired', message: 'too old' });
    const refused = bench.clientOf(() => answer(403, { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' }));
    expect(await first(refused, '1')).toMatchObject({ reason: 'Forbidden' });
  });

  test('asks for bookmarks, so that a quiet kind does not age', async () => {
    const watch = bench.client.watch(ZoneKind, { resourceVersion: '1' }, signal);
    await caught(Promise.resolve(watch[Symbol.asyncIterator]().next()));
    expect(bench.requests.at(-1)).toMatchObject({ path: ZONES });
    expect(bench.requests.at(-1)?.query).toEqual(expect.arrayContaining([['allowWatchBookmarks', 'true']]));
  });
});
