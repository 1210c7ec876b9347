import { expect } from 'expect';
import type { HostService } from '../driver.ts';
import { DriverError } from '../driver-error.ts';
import type { Fence, MutationContext } from '../fence.ts';
import type { HostLease } from '../lease.ts';
import type { Machine } from '../machine.ts';
import type { Check } from './check.ts';
import { refusal } from './rig.ts';
import type { Rig } from './rig.ts';
import type { Subject } from './subject.ts';

/** How much later than it should be something may be seen. */
const LATE_MS = 400;

interface Leased {
  readonly offeredMs: number;
  readonly context: MutationContext;
  renew(token: string, fence?: Partial<Fence>): Promise<HostLease>;
  /** Renews until the lease holds, and a token more. */
  arm(): Promise<HostLease>;
  machine(leased: boolean): Promise<Machine>;
  /** The machines' power and cause, now. */
  look(...machines: readonly Machine[]): Promise<readonly string[]>;
  /** Removes them. */
  remove(...machines: readonly Machine[]): Promise<void>;
}

function hostOf(rig: Rig): HostService {
  if (rig.driver.host === undefined) throw new Error('the driver has no host service');
  return rig.driver.host;
}

function leaseOf({ lease }: Subject): NonNullable<Subject['lease']> {
  if (lease === undefined) throw new Error('the subject has no host with a lease');
  return lease;
}

/** The host with a lease, as one leader works with it. */
async function open(rig: Rig): Promise<Leased> {
  const { ref, config, offeredMs } = leaseOf(rig.subject);
  const { session } = await rig.driver.session.open(ref, config, rig.fence(), rig.signal);
  const contextOf = (over: Partial<Fence>): MutationContext => ({ session, trace: 'h.1', cause: 'Conformance', fence: rig.fence(over) });
  const context = contextOf({ placementEpoch: 1 });
  const renew = (token: string, fence: Partial<Fence> = {}): Promise<HostLease> => hostOf(rig).renew(contextOf(fence), token, rig.signal);
  const look = async (...machines: readonly Machine[]): Promise<readonly string[]> => {
    const seen = await Promise.all(machines.map(({ id }) => rig.machine.get(context, id, rig.signal)));
    return seen.map((machine) => `${machine?.power ?? 'absent'}${machine?.stopCause === undefined ? '' : ` ${machine.stopCause}`}`);
  };
  const leased: Leased = {
    ...{ offeredMs, context, renew, look },
    async arm() {
      const { token } = await renew('');
      const held = await renew(token);
      expect(held).toMatchObject({ offeredMs, inForceMs: offeredMs, holds: true });
      return held;
    },
    async machine(isLeased) {
      const uid = rig.uid();
      const { owner } = rig.spec('unused');
      const spec = { ...rig.spec('unused'), owner: { ...owner, uid }, ...(isLeased && { leased: true as const }) };
      await rig.machine.ensure(context, spec, rig.signal);
      return rig.machine.start(context, uid, rig.signal);
    },
    async remove(...machines) {
      for (const { id } of machines) {
        await rig.machine.stop(context, id, { mode: 'hard' }, rig.signal);
        await rig.machine.delete(context, id, rig.signal);
      }
    },
  };
  return leased;
}

/** A host that stops machines by itself when nobody renews: what a restart elsewhere rests on, where nothing else proves it dead. */
export const leaseChecks: readonly Check[] = [
  {
    title: 'when nobody renews, leased machines stand still by the end of the lease, and others run on',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      await host.arm();
      const [leased, free] = [await host.machine(true), await host.machine(false)];
      expect([leased.leased, free.leased]).toEqual([true, undefined]);
      const { token } = await host.renew('');
      const countsMs = subject.clock.monotonic();
      await host.renew(token);
      await subject.clock.sleep(host.offeredMs / 2, signal);
      expect(await host.look(leased, free)).toEqual(['running', 'running']);
      await subject.clock.sleep(countsMs + host.offeredMs - subject.clock.monotonic(), signal);
      expect(await host.look(leased, free)).toEqual(['stopped lease-expired', 'running']);
      await host.remove(leased, free);
    },
  },
  {
    title: 'a lease that is renewed goes on, from when the token was given out and not from when it came back',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      let { token } = await host.arm();
      const leased = await host.machine(true);
      for (let part = 0; part < 6; part += 1) {
        await subject.clock.sleep(host.offeredMs / 4, signal);
        ({ token } = await host.renew(token));
      }
      expect(await host.look(leased)).toEqual(['running']);
      const countsMs = subject.clock.monotonic();
      await subject.clock.sleep(host.offeredMs * 0.6, signal);
      expect(await host.renew(token)).toMatchObject({ holds: true });
      await subject.clock.sleep(countsMs + host.offeredMs - subject.clock.monotonic(), signal);
      expect(await host.look(leased)).toEqual(['stopped lease-expired']);
      await host.remove(leased);
    },
  },
  {
    title: 'a token that comes twice, late, after a newer one, or is none, extends nothing',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      const { token: older } = await host.arm();
      const leased = await host.machine(true);
      await subject.clock.sleep(20, signal);
      const { token: newer } = await host.renew('');
      await host.renew(newer);
      await subject.clock.sleep(host.offeredMs / 2, signal);
      for (const token of [newer, older, 'nonsense', 'x'.repeat(253)]) await host.renew(token);
      await subject.clock.sleep(host.offeredMs / 2, signal);
      expect(await host.look(leased)).toEqual(['stopped lease-expired']);
      for (const token of [newer, older]) expect(await host.renew(token)).toMatchObject({ holds: false, inForceMs: host.offeredMs });
      await refusal(host.renew('x'.repeat(254)), 'INVALID_ARGUMENT', 'FIELD_INVALID');
      await host.remove(leased);
    },
  },
  {
    title:
      'while its lease has run out, a leased machine is neither started nor described anew, and can be removed; then it can be started again',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      await host.arm();
      const [leased, gone] = [await host.machine(true), await host.machine(true)];
      await subject.clock.sleep(host.offeredMs + 20, signal);
      await refusal(rig.machine.start(host.context, leased.id, signal), 'ABORTED', 'LEASE_LAPSED');
      const { owner } = rig.spec('unused');
      const spec = { ...rig.spec('unused'), owner: { ...owner, uid: leased.id, name: leased.name } };
      await refusal(rig.machine.ensure(host.context, spec, signal), 'ABORTED', 'LEASE_LAPSED');
      await host.remove(gone);
      await host.arm();
      expect(await host.look(leased, gone)).toEqual(['stopped lease-expired', 'absent']);
      expect(await rig.machine.start(host.context, leased.id, signal)).toMatchObject({ power: 'running', leased: true });
      await host.remove(leased);
    },
  },
  {
    title: 'a machine comes under the lease, and out of it, by its description, at once',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      await host.arm();
      const [leased, free] = [await host.machine(true), await host.machine(false)];
      const { owner, ...plain } = rig.spec('unused');
      const told = ({ id, name }: Machine, more: object) =>
        rig.machine.ensure(host.context, { ...plain, owner: { ...owner, uid: id, name }, ...more }, signal);
      expect(await told(leased, {})).toMatchObject({ power: 'running', pendingChanges: [] });
      expect(await told(free, { leased: true })).toMatchObject({ power: 'running', pendingChanges: [], leased: true });
      await subject.clock.sleep(host.offeredMs + 20, signal);
      expect(await host.look(leased, free)).toEqual(['running', 'stopped lease-expired']);
      await host.remove(leased, free);
    },
  },
  {
    title: 'an old leader renews nothing',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const host = await open(rig);
      const { token } = await host.renew('', { epoch: 5 });
      await refusal(host.renew(token, { epoch: 4 }), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      expect(await host.renew(token, { epoch: 5 })).toMatchObject({ holds: true });
    },
  },
  {
    title: 'a lease runs out while the host cannot be reached',
    capability: 'host.lease',
    hook: 'hang',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      await host.arm();
      const leased = await host.machine(true);
      await subject.hang?.(leaseOf(subject).ref.uid);
      const late = AbortSignal.timeout(LATE_MS);
      await expect(hostOf(rig).renew(host.context, '', late)).rejects.toBeInstanceOf(DriverError);
      await subject.clock.sleep(host.offeredMs, signal);
      await subject.heal?.();
      expect(await host.look(leased)).toEqual(['stopped lease-expired']);
      await host.remove(leased);
    },
  },
  {
    title: 'a configuration without a lease ends it only when a token of that time comes back',
    capability: 'host.lease',
    hook: 'lease',
    async run(rig) {
      const { subject, signal } = rig;
      const { ref, without, config } = leaseOf(subject);
      const host = await open(rig);
      const { token: before } = await host.arm();
      const [first, second] = [await host.machine(true), await host.machine(true)];
      await rig.driver.session.open(ref, without, rig.fence(), signal);
      const told = await host.renew(before);
      expect(told).toMatchObject({ offeredMs: 0, inForceMs: host.offeredMs, holds: true });
      await subject.clock.sleep(host.offeredMs + 20, signal);
      expect(await host.look(first)).toEqual(['stopped lease-expired']);
      expect(await host.renew(told.token)).toMatchObject({ offeredMs: 0, inForceMs: 0 });
      expect(await rig.machine.start(host.context, second.id, signal)).toMatchObject({ power: 'running' });
      await subject.clock.sleep(host.offeredMs + 20, signal);
      expect(await host.look(second)).toEqual(['running']);
      await host.remove(first, second);
      await rig.driver.session.open(ref, config, rig.fence(), signal);
    },
  },
  {
    title: 'a lease outlives the process, and stops machines without it',
    capability: 'host.lease',
    hook: 'restart',
    async run(rig) {
      const { subject, signal } = rig;
      const host = await open(rig);
      await host.arm();
      const [leased, free] = [await host.machine(true), await host.machine(false)];
      const armedMs = subject.clock.monotonic();
      await subject.restart?.();
      rig.forget();
      await subject.clock.sleep(Math.max(armedMs + host.offeredMs + 20 - subject.clock.monotonic(), 0), signal);
      const again = await open(rig);
      expect(await again.look(leased, free)).toEqual(['stopped lease-expired', 'running']);
      await again.arm();
      await again.remove(leased, free);
    },
  },
];
