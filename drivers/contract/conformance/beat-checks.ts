import { expect } from 'expect';
import { BEAT_MS } from '../driver.ts';
import type { DriverEvent } from '../driver.ts';
import type { Check } from './check.ts';
import type { Rig } from './rig.ts';

/** More than a driver may be late with a beat by a slow machine. */
const LATE_MS = 2000;

/** What a watch says until `count` whole beats were heard; fails where one is late. */
async function readBeats(rig: Rig, count: number): Promise<readonly DriverEvent[]> {
  const ending = new AbortController();
  const late = rig.subject.clock.sleep((count - 1) * BEAT_MS + LATE_MS, ending.signal).then(
    () => ending.abort(new Error('a beat is late')),
    () => undefined,
  );
  const seen: DriverEvent[] = [];
  let beats = 0;
  for await (const event of rig.driver.watch(ending.signal)) {
    seen.push(event);
    if (event.type === 'BEAT' && event.more !== true) beats += 1;
    if (beats < count) continue;
    ending.abort(new Error('heard'));
    await late;
    return seen;
  }
  throw new Error(`a beat is late: ${JSON.stringify(seen)}`);
}

async function silentNow(rig: Rig): Promise<readonly string[]> {
  return (await readBeats(rig, 1)).flatMap(({ silent = [] }) => silent);
}

/** Heartbeats of hosts. */
export const beatChecks: readonly Check[] = [
  {
    title: 'beats come in time from the beginning of a watch on, take no place in the sequence, and do not list a host that answers',
    capability: 'host.beat',
    async run(rig) {
      const session = await rig.session('machine');
      const [first, ...seen] = await readBeats(rig, 2);
      expect([first?.type, seen[0]?.type]).toEqual(['RESYNC', 'BEAT']);
      let sequence = first?.sequence ?? 0;
      for (const event of seen) {
        if (event.type !== 'BEAT') sequence += 1;
        expect(event.sequence).toBe(sequence);
        if (event.type === 'BEAT') expect([event.session, event.uid, event.silent?.includes(session)]).toEqual(['', '', false]);
      }
    },
  },
  {
    title: 'a beat lists a host that hangs, and no other, and lists it no more once it answers',
    capability: 'host.beat',
    hook: 'hang',
    async run(rig) {
      const [hung, well] = [await rig.session('machine', 0), await rig.session('machine', 1)];
      await rig.subject.hang?.(rig.subject.endpoint('machine', 0).ref.uid);
      const silent = await silentNow(rig);
      expect([silent.includes(hung), silent.includes(well)]).toEqual([true, false]);
      await rig.subject.heal?.();
      expect(await silentNow(rig)).not.toContain(hung);
    },
  },
  {
    title: 'a beat lists a session that takes nothing new',
    capability: 'host.beat',
    async run(rig) {
      const { ref, config } = rig.subject.endpoint('machine', 2);
      const { session } = await rig.driver.session.open(ref, config, rig.fence(), rig.signal);
      await rig.driver.session.drain(session, rig.signal);
      expect(await silentNow(rig)).toContain(session);
      await rig.driver.session.close(session, rig.signal);
      expect(await silentNow(rig)).not.toContain(session);
    },
  },
];
