import fc from 'fast-check';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { VmStep } from './plan/facts.ts';
import { macOf } from './plan/mac.ts';
import { planVirtualMachine } from './plan.ts';
import { among, beside, GIB, vm, candidate, neighbour, machine, known, facts, claims, started, stamped } from './plan/test-rows.ts';

describe('planVirtualMachine', () => {
  test('a placement raises the epoch, so that the driver knows it from an earlier one', () => {
    const { status } = planVirtualMachine(vm({ status: { placementEpoch: 4 } }), facts());
    expect(status).toMatchObject({ host: 'host-1', placementEpoch: 5 });
  });

  test('a withdrawn claim keeps its epoch, so that the next one is higher', () => {
    const { status } = planVirtualMachine(vm({ status: claims }), facts({ ...known(), ...among([candidate], [neighbour]) }));
    expect(status.host).toBeUndefined();
    expect(status.placementEpoch).toBe(1);
  });

  test('a VM without a zone is only given one', () => {
    const zones = [
      { name: 'a', allocation: 'Enabled', hostsReady: 1, freeMemoryBytes: GIB },
      { name: 'b', allocation: 'Enabled', hostsReady: 1, freeMemoryBytes: 2 * GIB },
      { name: 'c', allocation: 'Cordoned', hostsReady: 1, freeMemoryBytes: 3 * GIB },
    ] as const;
    const { zone: _zone, host: _host, ...nothing } = facts({ zones });
    const { status, steps } = planVirtualMachine(vm(), nothing);
    expect({ zone: status.zone, host: status.host, steps }).toEqual({ zone: 'b', host: undefined, steps: [] });
  });

  test('pending changes are named, and clear themselves', () => {
    const pending = planVirtualMachine(vm({ status: started }), facts(known(machine({ pendingChanges: ['memory', 'cpus'] })))).status;
    expect(pending.pendingChanges).toEqual(['cpus', 'memory']);
    expect(pending.conditions).toContainEqual(
      expect.objectContaining({ type: 'RestartPending', status: 'True', message: 'cpus and memory at the next start' }),
    );
    expect(
      planVirtualMachine(vm({ status: { ...started, ...stamped(pending) } }), facts(known(machine()))).status.pendingChanges,
    ).toBeUndefined();
  });

  test('a placement that is no longer asked for is a pending change, and the VM runs on', () => {
    const { status, steps } = planVirtualMachine(vm({ spec: { placement: { pod: 'rack-9' } }, status: started }), facts(known(machine())));
    expect(steps).toEqual([]);
    expect(status.pendingChanges).toEqual(['placement']);
    expect(status.conditions.find(({ type }) => type === 'Scheduled')?.message).toMatch(/is in another pod, so at the next stop it goes/);
    expect(status.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });

  test('addresses are sorted, so that their order does not write', () => {
    expect(planVirtualMachine(vm({ status: started }), facts(known(machine()))).status.interfaces).toEqual([
      { name: 'eth0', mac: macOf('m-1', 'eth0'), addresses: ['198.18.0.1', '198.18.0.2'] },
    ]);
  });

  test('no step is taken in a VM that says nothing new the second time', () => {
    const object = vm({ status: started });
    const once = stamped(planVirtualMachine(object, facts(known(machine()))).status);
    const twice = stamped(planVirtualMachine({ ...object, status: once }, facts(known(machine()))).status);
    expect(twice).toEqual(once);
  });
});

test('a derived hardware address is stable, local, unicast, and rarely shared', () => {
  const all = new Set(Array.from({ length: 20_000 }, (_, index) => macOf(`uid-${index}`, 'eth0')));
  expect(all.size).toBe(20_000);
  for (const mac of all) expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(macOf('m-1', 'eth0')).toBe(macOf('m-1', 'eth0'));
});

/** What a host without faults does with a step. */
function after(step: VmStep, now: Machine | undefined, placementEpoch: number): Machine | undefined {
  const there = now ?? machine({ power: 'stopped', stopCause: 'never-started', disks: [], generation: 0 });
  const attached = (uid: string, name: string): Machine['disks'][number] => ({ name, uid, sizeBytes: 10 * GIB, readOnly: false });
  switch (step.do) {
    case 'ensure-machine': {
      const { power: _power, ...rest } = there;
      const disks = step.description.disks.map(({ uid, name }) => attached(uid, name));
      return { ...rest, power: there.power, ...(there.power === 'stopped' && { disks }), generation: 3, placementEpoch, drift: [] };
    }
    case 'start-machine': {
      const { stopCause: _stopCause, ...rest } = there;
      return { ...rest, power: 'running' };
    }
    case 'stop-machine':
      return { ...there, power: 'stopped', stopCause: 'requested' };
    case 'adopt-machine':
      return { ...there, generation: 0 };
    case 'delete-machine':
      return undefined;
    case 'attach-disk':
      return { ...there, disks: [...there.disks, attached(step.disk.uid, step.disk.name)] };
    case 'detach-disk':
      return { ...there, disks: there.disks.filter(({ uid }) => uid !== step.uid) };
    case 'grow-disk':
      return { ...there, disks: there.disks.map((one) => (one.uid === step.uid ? { ...one, sizeBytes: step.sizeBytes } : one)) };
  }
}

const hosts = [candidate, { ...candidate, name: 'host-2', pod: 'rack-9' }];

test('every VM settles: following the plan reaches a plan without steps, and a deleted one is let go', () => {
  const cause = fc.constantFrom('never-started', 'requested', 'guest-shutdown', 'crashed');
  const found = fc.record({
    ...{ power: fc.constantFrom('running', 'stopped'), stopCause: cause, generation: fc.constantFrom(1, 3), drift: fc.subarray(['cpus']) },
    disks: fc.constantFrom('v-1', 'v-9', undefined),
  });
  const world = fc.record({
    ...{ running: fc.boolean(), restartPolicy: fc.constantFrom('Always', 'OnFailure'), restartToken: fc.constantFrom('', 'b') },
    ...{ deleting: fc.boolean(), found: fc.option(found, { nil: undefined }), pod: fc.constantFrom(undefined, 'rack-1', 'rack-9') },
  });
  fc.assert(
    fc.property(world, ({ deleting, found: first, pod, ...rest }) => {
      const spec = { ...rest, placement: pod === undefined ? {} : { pod } };
      let now: Machine | undefined;
      if (first !== undefined) {
        const { stopCause, disks, ...seen } = first;
        const held = disks === undefined ? [] : [{ name: 'data', uid: disks, sizeBytes: 10 * GIB, readOnly: false }];
        now = machine({ ...seen, ...(first.power === 'stopped' && { stopCause }), disks: held });
      }
      let object = vm({ spec, deleting, status: now ? started : {} });
      for (let round = 0; round < 16; round += 1) {
        const at = hosts.find(({ name }) => name === object.status.host);
        const there =
          at === undefined ? { host: undefined as never } : { host: { candidate: at, hostId: 'h-1' }, ...known(now), ...beside([], at) };
        const plan = planVirtualMachine(object, facts({ ...among(hosts), ...there }));
        for (const step of plan.steps) now = after(step, now, plan.status.placementEpoch ?? 0);
        if (plan.afterSteps !== undefined && now !== undefined) return false;
        const status = stamped(plan.afterSteps ?? plan.status);
        if (plan.finalizer === 'release') return deleting && now === undefined;
        if (plan.steps.length === 0 && JSON.stringify(status) === JSON.stringify(object.status)) {
          const ready = status.conditions.find(({ type }) => type === 'Ready');
          const right = now?.power === 'running' ? spec.running : !spec.running || ready?.reason === 'GuestShutdown';
          // What runs on where it no longer fits says so; what was started or stands still as declared is where it fits.
          const fits = now === undefined || pod === undefined || at?.pod === pod || ready?.reason === 'GuestShutdown';
          const waits = status.pendingChanges?.includes('placement') === true;
          return !deleting && ready?.status === 'True' && right && (fits || waits);
        }
        object = { ...object, status };
      }
      return false;
    }),
    { numRuns: 500 },
  );
});
