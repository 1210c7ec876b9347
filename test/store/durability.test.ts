import { requires } from '../prerequisites.ts';
import { runDurability } from './cluster/durability.ts';

requires('etcd')('a store under 64 writers', () => {
  test.each(['sqlite', 'etcd'] as const)(
    'on %s keeps all that was acknowledged, and its versions, through kill -9',
    async (store) => {
      const { violations, acknowledged, unknown } = await runDurability({ store, rounds: 4, seed: 7 }, new AbortController().signal);
      expect(violations).toEqual([]);
      expect(acknowledged).toBeGreaterThan(100);
      // Else the kills came when nothing was under way.
      expect(unknown).toBeGreaterThan(0);
    },
    120_000,
  );
});
