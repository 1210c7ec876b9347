import { createManualClock } from '../../test/manual-clock.ts';
import type { StoreRoom } from '../../server/store/room.ts';
import { watchStoreRoom } from './store-room.ts';

const MIB = 2 ** 20;

test('that a store fills up is logged once, told to whoever asks, and measured; and that it has room again', async () => {
  const lines: string[] = [];
  const tell =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${message} ${String((fields as Partial<StoreRoom>).freeBytes)}`);
  const log = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') };
  const clock = createManualClock();
  const stop = new AbortController();
  const free = [999, 200, 100, 'silent', 1, 1, 999];
  let at = 0;
  const room = (): Promise<StoreRoom> => {
    const now = free[at];
    at += 1;
    return typeof now === 'number'
      ? Promise.resolve({ usedBytes: MIB, freeBytes: now * MIB, refuses: false })
      : Promise.reject(new Error('it does not answer'));
  };
  const watch = watchStoreRoom({ room }, { clock, log });
  const running = watch.run(stop.signal);
  const told: string[] = [];
  for (const _ of free) {
    await clock.advance(0);
    const value = watch.metrics().find(({ name }) => name === 'lenticular_store_nearly_full')?.samples[0]?.value;
    told.push(`${JSON.stringify(value)} ${watch.facts().join()}`);
    await clock.advance(60_000);
  }
  stop.abort(new Error('enough'));
  await running;
  expect(lines.filter((line) => !line.startsWith('debug'))).toEqual([
    `warn the store is nearly full ${String(200 * MIB)}`,
    `error the store is full ${String(MIB)}`,
    `info the store has room again ${String(999 * MIB)}`,
  ]);
  expect(told[0]).toBe('0 ');
  expect(told[2]).toBe(`1 the store is nearly full: ${String(100 * MIB)} bytes are left`);
  expect(told[3]).toBe(told[2]);
  expect(told[5]).toMatch(/^2 the store is full/);
});
