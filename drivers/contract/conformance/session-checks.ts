import { expect } from 'expect';
import type { Category } from '../driver.ts';
import type { Check } from './check.ts';
import { refusal } from './rig.ts';
import type { Rig } from './rig.ts';

/** The n-th endpoint is used by one check only, so that it may be closed, drained or left hanging. */
const CLOSED = 10;
const DRAINED = 11;
const HANGING = 12;

async function probes(rig: Rig): Promise<void> {
  const began = rig.subject.clock.monotonic();
  expect(await rig.driver.identity.probe(rig.signal)).toEqual({ ready: true });
  expect(rig.subject.clock.monotonic() - began).toBeLessThan(1000);
}

/** Who answers, what it can do, and how its endpoints are opened. */
export const sessionChecks: readonly Check[] = [
  {
    title: 'GetInfo says who answers, the same every time',
    async run(rig) {
      const info = await rig.driver.identity.getInfo(rig.signal);
      expect(info.name).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
      expect([info.version === '', info.instance === '']).toEqual([false, false]);
      expect(info.contractVersions).toContain('v1alpha1');
      expect(await rig.driver.identity.getInfo(rig.signal)).toEqual(info);
    },
  },
  {
    title: 'a driver has the services of its categories',
    async run(rig) {
      const { categories } = await rig.driver.identity.getInfo(rig.signal);
      const { host, machine, pool, disk, operation, power } = rig.driver;
      const has = { machine: [host, machine], disk: [pool, disk, operation], power: [power] } as const;
      for (const category of ['machine', 'disk', 'power'] as const) {
        for (const service of has[category]) expect(service !== undefined).toBe(categories.includes(category));
      }
    },
  },
  {
    title: 'capabilities are declared once, the same every time',
    async run(rig) {
      const capabilities = await rig.driver.identity.getCapabilities(rig.signal);
      expect(new Set(capabilities).size).toBe(capabilities.length);
      expect(await rig.driver.identity.getCapabilities(rig.signal)).toEqual(capabilities);
    },
  },
  { title: 'Probe answers at once', run: probes },
  {
    title: 'every field of a configuration has a type, a label and a description',
    async run(rig) {
      for (const category of (await rig.driver.identity.getInfo(rig.signal)).categories) {
        const schema = await rig.driver.identity.getConfigSchema(category, rig.signal);
        expect(schema).toMatchObject({ type: 'object' });
        for (const property of Object.values(schema.properties ?? {})) {
          const { type, label, description } = property as Readonly<Record<string, unknown>>;
          expect([typeof type, typeof label, typeof description]).toEqual(['string', 'string', 'string']);
        }
      }
    },
  },
  {
    title: 'a wrong configuration is refused, by its field',
    async run(rig) {
      expect(rig.subject.wrongConfigs.length).toBeGreaterThan(0);
      for (const { category, config, field } of rig.subject.wrongConfigs) {
        const { ref } = rig.subject.endpoint(category, CLOSED);
        const { metadata } = await refusal(
          rig.driver.session.open(ref, config, rig.fence(), rig.signal),
          'INVALID_ARGUMENT',
          'CONFIG_INVALID',
        );
        expect(metadata.field).toBe(field);
      }
    },
  },
  {
    title: 'a hostile endpoint is refused',
    async run(rig) {
      for (const category of await rig.categories()) {
        const { ref, config } = rig.subject.endpoint(category, CLOSED);
        for (const uid of ['', '../escape', '/etc/passwd', 'a\0b', 'a\nb', '.hidden', 'x'.repeat(64)]) {
          await refusal(rig.driver.session.open({ ...ref, uid }, config, rig.fence(), rig.signal), 'INVALID_ARGUMENT');
        }
      }
    },
  },
  {
    title: 'the same endpoint twice is the same host',
    async run(rig) {
      const { ref, config } = rig.subject.endpoint('machine', 0);
      const first = await rig.hostId();
      const { session } = await rig.driver.session.open(ref, config, rig.fence(), rig.signal);
      const observed = await rig.driver.host?.observe({ session, trace: 'x.1' }, rig.signal);
      expect(observed?.hostId).toBe(first);
      rig.forget();
    },
  },
  {
    title: 'an unknown session is SESSION_UNKNOWN for every service, and closing or draining it is success',
    async run(rig) {
      const context = { session: 'no-such-session', trace: 'x.1' };
      const changing = { ...context, fence: rig.fence(), cause: 'x' };
      const changes: Readonly<Record<Category, () => Promise<unknown>>> = {
        machine: () => rig.machine.start(changing, rig.uid(), rig.signal),
        disk: () => rig.disk.delete(changing, rig.uid(), rig.signal),
        power: () => rig.power.off(changing, rig.signal),
      };
      for (const category of await rig.categories()) {
        await refusal(rig.ask(category, context), 'UNAVAILABLE', 'SESSION_UNKNOWN');
        await refusal(changes[category](), 'UNAVAILABLE', 'SESSION_UNKNOWN');
      }
      await rig.driver.session.close('no-such-session', rig.signal);
      await rig.driver.session.drain('no-such-session', rig.signal);
    },
  },
  {
    title: "a pool's session is not a host's",
    async run(rig) {
      await refusal(rig.machine.list(await rig.look('disk'), rig.signal), 'INVALID_ARGUMENT');
      await refusal(rig.disk.list(await rig.look('machine'), rig.signal), 'INVALID_ARGUMENT');
    },
  },
  {
    title: 'closing a session leaves its machines as they are',
    async run(rig) {
      const context = await rig.on('machine', { placementEpoch: 1 }, CLOSED);
      const uid = rig.uid();
      await rig.machine.ensure(context, rig.spec(uid), rig.signal);
      await rig.machine.start(context, uid, rig.signal);
      await rig.driver.session.close(context.session, rig.signal);
      await refusal(rig.machine.list(context, rig.signal), 'UNAVAILABLE', 'SESSION_UNKNOWN');
      rig.forget();
      const again = await rig.on('machine', { placementEpoch: 1 }, CLOSED);
      expect((await rig.machine.get(again, uid, rig.signal))?.power).toBe('running');
      await rig.machine.stop(again, uid, { mode: 'hard' }, rig.signal);
      await rig.subject.clock.sleep(100, rig.signal);
      await rig.machine.delete(again, uid, rig.signal);
    },
  },
  {
    title: 'a draining session takes nothing new, and its endpoint can be opened again',
    async run(rig) {
      for (const category of await rig.categories()) {
        // A host's power is the host's.
        if (category === 'power' && rig.driver.machine !== undefined) await rig.session('machine', DRAINED);
        const context = await rig.look(category, DRAINED);
        await rig.driver.session.drain(context.session, rig.signal);
        await refusal(rig.ask(category, context), 'UNAVAILABLE', 'DRAINING');
        rig.forget();
        const answer = await rig.ask(category, await rig.look(category, DRAINED));
        expect(answer).toEqual(category === 'power' ? 'on' : []);
      }
    },
  },
  {
    title: 'Observe says what a host is and has',
    category: 'machine',
    async run(rig) {
      const context = await rig.look('machine');
      const host = await rig.driver.host?.observe(context, rig.signal);
      expect([host?.hostId === '', host?.bootId === '']).toEqual([false, false]);
      expect(host?.cpus).toBeGreaterThan(0);
      expect(host?.memoryBytes).toBeGreaterThan(0);
      const again = await rig.driver.host?.observe(context, rig.signal);
      expect([again?.hostId, again?.bootId]).toEqual([host?.hostId, host?.bootId]);
    },
  },
  {
    title: 'what a host says is free is a part of what it has',
    category: 'machine',
    async run(rig) {
      const host = await rig.driver.host?.observe(await rig.look('machine'), rig.signal);
      for (const [free, all] of [
        [host?.freeMemoryBytes, host?.memoryBytes],
        [host?.freeStorageBytes, host?.storageBytes],
      ]) {
        expect(Number.isSafeInteger(free ?? 0)).toBe(true);
        expect(free ?? 0).toBeGreaterThanOrEqual(0);
        expect(free ?? 0).toBeLessThanOrEqual(all ?? -1);
      }
    },
  },
  {
    title: 'Observe says what a pool is and has',
    category: 'disk',
    async run(rig) {
      const pool = await rig.driver.pool?.observe(await rig.look('disk'), rig.signal);
      expect(pool?.poolId).toMatch(/./);
      expect(pool?.protocols.length).toBeGreaterThan(0);
      expect(pool?.capacityBytes).toBeGreaterThan(0);
      expect(pool?.usedBytes).toBeGreaterThanOrEqual(0);
    },
  },
  {
    title: 'an endpoint that hangs holds up no other',
    hook: 'hang',
    async run(rig) {
      for (const category of await rig.categories()) {
        const hanging = await rig.look(category, HANGING);
        await rig.subject.hang?.(rig.subject.endpoint(category, HANGING).ref.uid);
        const aborting = new AbortController();
        const stuck = rig.ask(category, hanging, aborting.signal).catch(() => 'ended');
        const began = rig.subject.clock.monotonic();
        await rig.ask(category, await rig.look(category));
        await probes(rig);
        expect(rig.subject.clock.monotonic() - began).toBeLessThan(2000);
        aborting.abort(new Error('enough'));
        expect(await stuck).toBe('ended');
        await rig.subject.heal?.();
      }
    },
  },
];
