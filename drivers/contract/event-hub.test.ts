import { createEventHub } from './event-hub.ts';

test('a watcher that falls behind gets RESYNC in place of what it missed, and then what is new', async () => {
  const hub = createEventHub(3);
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
