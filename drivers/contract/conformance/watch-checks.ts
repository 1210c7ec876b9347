import { expect } from 'expect';
import type { DriverEvent } from '../driver.ts';
import type { Check } from './check.ts';
import type { Rig } from './rig.ts';

/** Reads events until one is `so`; fails after 5 s. */
async function readUntil(
  rig: Rig,
  so: (event: DriverEvent) => boolean,
  meanwhile?: () => Promise<unknown>,
): Promise<readonly DriverEvent[]> {
  const ending = new AbortController();
  const late = rig.subject.clock.sleep(5000, ending.signal).then(
    () => ending.abort(new Error('no such event came')),
    () => undefined,
  );
  const seen: DriverEvent[] = [];
  for await (const event of rig.driver.watch(ending.signal)) {
    seen.push(event);
    if (seen.length === 1) await meanwhile?.();
    if (so(event)) {
      ending.abort(new Error('seen'));
      await late;
      return seen;
    }
  }
  throw new Error(`no such event came, only ${JSON.stringify(seen)}`);
}

/** Hints. */
export const watchChecks: readonly Check[] = [
  {
    title: 'a watch begins with RESYNC',
    async run(rig) {
      const [first] = await readUntil(rig, () => true);
      expect(first?.type).toBe('RESYNC');
    },
  },
  {
    title: 'a watch tells of a machine that changes, on its session, with a sequence that grows',
    async run(rig) {
      const uid = rig.uid();
      const session = await rig.session('machine');
      const context = await rig.on('machine', { placementEpoch: 1 });
      const change = async (): Promise<void> => {
        await rig.machine.ensure(context, rig.spec(uid), rig.signal);
        await rig.machine.start(context, uid, rig.signal);
      };
      const events = await readUntil(rig, (event) => event.uid === uid, change);
      expect(events.at(-1)).toMatchObject({ type: 'machine', session, uid });
      const sequences = events.filter(({ type }) => type !== 'BEAT').map(({ sequence }) => sequence);
      expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
    },
  },
  {
    title: 'a watch tells of a disk that changes',
    async run(rig) {
      const session = await rig.session('disk');
      let uid = '';
      const make = async (): Promise<void> => {
        uid = (await rig.newDisk()).id;
      };
      const events = await readUntil(rig, (event) => event.type === 'disk' && event.uid === uid, make);
      expect(events.at(-1)?.session).toBe(session);
    },
  },
  {
    title: 'two watchers each see every hint',
    async run(rig) {
      const uid = rig.uid();
      const context = await rig.on('machine', { placementEpoch: 1 });
      const second = readUntil(rig, (event) => event.uid === uid);
      await readUntil(
        rig,
        (event) => event.uid === uid,
        async () => {
          await rig.subject.clock.sleep(200, rig.signal);
          return rig.machine.ensure(context, rig.spec(uid), rig.signal);
        },
      );
      expect((await second).at(-1)?.uid).toBe(uid);
    },
  },
  {
    title: 'a watch that is cancelled ends',
    async run(rig) {
      const ending = new AbortController();
      let events = 0;
      for await (const _ of rig.driver.watch(ending.signal)) {
        events += 1;
        ending.abort(new Error('enough'));
      }
      expect(events).toBe(1);
    },
  },
];
