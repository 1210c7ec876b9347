import type { Clock } from '../contract/clock.ts';
import { createBeats } from './beats.ts';
import type { Beats } from './beats.ts';

/** Sleeps end when the test says so, all at once. */
function heldClock(): { readonly clock: Clock; tick(): Promise<void> } {
  let wake = (): void => undefined;
  const sleep = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const tick = async (): Promise<void> => {
    wake();
    await new Promise(setImmediate);
  };
  return { clock: { now: () => 0, monotonic: () => 0, sleep }, tick };
}

function watched(): { readonly beats: Beats; readonly lost: () => number; readonly ticks: (count: number) => Promise<void> } {
  const { clock, tick } = heldClock();
  const beats = createBeats();
  let lost = 0;
  void beats.watch(() => (lost += 1), clock, new AbortController().signal);
  const ticks = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 1) await tick();
  };
  return { beats, lost: () => lost, ticks };
}

test('a host answers by its beats once there was one, unless that lists it', () => {
  const beats = createBeats();
  expect(beats.answers('s-1')).toBe(false);
  expect(beats.hear({ silent: [] })).toEqual([]);
  expect(beats.answers('s-1')).toBe(true);
  expect(beats.hear({ silent: ['s-1'] })).toEqual(['s-1']);
  expect([beats.answers('s-1'), beats.answers('s-2')]).toEqual([false, true]);
  expect(beats.hear({ silent: ['s-1'] })).toEqual([]);
  expect(beats.hear({ silent: [] })).toEqual(['s-1']);
  beats.lose();
  expect(beats.answers('s-1')).toBe(false);
});

test('a beat in parts says nothing before its last part', () => {
  const beats = createBeats();
  expect(beats.hear({ silent: ['s-1'], more: true })).toEqual([]);
  expect(beats.answers('s-3')).toBe(false);
  expect(beats.hear({ silent: ['s-2'] })).toEqual(['s-1', 's-2']);
  expect(['s-1', 's-2', 's-3'].map((one) => beats.answers(one))).toEqual([false, false, true]);
});

test('beats that stay away for two and a half periods are lost, once until they come again', async () => {
  const { beats, lost, ticks } = watched();
  beats.hear({ silent: [] });
  await ticks(4);
  beats.hear({ silent: [] });
  await ticks(4);
  expect([lost(), beats.answers('s-1')]).toEqual([0, true]);
  await ticks(1);
  expect([lost(), beats.answers('s-1')]).toEqual([1, false]);
  await ticks(20);
  expect(lost()).toBe(1);
  beats.hear({ silent: [] });
  expect(beats.answers('s-1')).toBe(true);
  await ticks(5);
  expect(lost()).toBe(2);
});

test('beats that never came are not missed', async () => {
  const { lost, ticks } = watched();
  await ticks(20);
  expect(lost()).toBe(0);
});
