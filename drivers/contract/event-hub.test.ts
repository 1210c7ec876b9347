import { MOST_SILENT } from './driver.ts';
import type { DriverEvent } from './driver.ts';
import { createEventHub } from './event-hub.ts';

test('a watcher that falls behind gets RESYNC in place of what it missed, and then what is new', async () => {
  const hub = createEventHub({ capacity: 3 });
  const ending = new AbortController();
  const watch = hub.watch(ending.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value } = (await watch.next()) as { value: { type: string; uid: string; sequence: number } };
    return `${value.sequence} ${value.type} ${value.uid}`;
  };
  expect(await next()).toBe('0 RESYNC ');
  for (const uid of ['a', 'b', 'c', 'd', 'e']) hub.publish({ type: 'disk', session: 's', uid });
  expect(await next()).toBe('4 RESYNC ');
  expect(await next()).toBe('5 disk e');
  ending.abort(new Error('enough'));
  expect((await watch.next()).done).toBe(true);
  expect(hub.watchers()).toBe(0);
});

describe('a beat', () => {
  const listed = Array.from({ length: MOST_SILENT + 1 }, (_, index) => `s-${index}`);

  test('follows the RESYNC of a watch, and takes no place in the sequence', async () => {
    const hub = createEventHub({ silent: () => ['s-1'] });
    const watch = hub.watch(new AbortController().signal)[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => (await watch.next()).value;
    expect([await next(), await next()]).toMatchObject([
      { type: 'RESYNC' },
      { sequence: 0, type: 'BEAT', session: '', uid: '', silent: ['s-1'] },
    ]);
    hub.publish({ type: 'host', session: 's', uid: '' });
    hub.beat();
    hub.publish({ type: 'host', session: 's', uid: '' });
    expect([await next(), await next(), await next()]).toMatchObject([{ sequence: 1 }, { sequence: 1, type: 'BEAT' }, { sequence: 2 }]);
  });

  test('that lists too many comes in parts, all of them or none', async () => {
    const hub = createEventHub({ capacity: 3, silent: () => listed });
    const watch = hub.watch(new AbortController().signal)[Symbol.asyncIterator]();
    const next = async (): Promise<DriverEvent> => (await watch.next()).value as DriverEvent;
    await next();
    const [first, last] = [await next(), await next()];
    expect([first.silent?.length, first.more, last.silent, last.more]).toEqual([MOST_SILENT, true, [listed.at(-1)], undefined]);
    for (const _ of [1, 2, 3]) hub.beat();
    expect(await next()).toMatchObject({ type: 'RESYNC' });
  });

  test('of a driver that does not know who is silent is none', async () => {
    const hub = createEventHub();
    const watch = hub.watch(new AbortController().signal)[Symbol.asyncIterator]();
    await watch.next();
    hub.beat();
    hub.publish({ type: 'host', session: 's', uid: '' });
    expect((await watch.next()).value).toMatchObject({ type: 'host' });
  });
});
