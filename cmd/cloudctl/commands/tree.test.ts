import type { Api } from '../api.ts';
import type { Resource } from '../resources.ts';
import { fetchForest } from './tree.ts';

const resource = (kind: string, plural: string): Resource => ({
  ...{ group: 'g', version: 'v1', kind, plural, singular: kind.toLowerCase() },
  ...{ shortNames: [], categories: [], namespaced: false, verbs: ['list'] },
});

test('the forest holds all objects of each kind, or asks for so many where no more are wanted', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const ask = ({ query }: Parameters<Api['ask']>[0]): Promise<unknown> =>
    Promise.resolve({ items: names.slice(0, Number(query?.limit ?? names.length)).map((name) => ({ metadata: { name } })) });
  const resources = ['zones', 'racks', 'hosts', 'storagepools', 'volumes', 'vms'].map((plural) => resource(plural, plural));
  const context = { api: { ask } as unknown as Api, resources };
  const { signal } = new AbortController();
  const countsOf = async (most?: number): Promise<readonly number[]> =>
    Object.values(await fetchForest({ ...context, ...(most !== undefined && { most }) }, signal)).map(({ length }) => length);
  expect(await countsOf()).toEqual([4, 4, 4, 4, 4, 4]);
  expect(await countsOf(3)).toEqual([3, 3, 3, 3, 3, 3]);
});
