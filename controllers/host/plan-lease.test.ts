import type { HostLease } from '../../drivers/contract/lease.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { leaseSecondsAfter, mayReturn } from './plan-lease.ts';
import { facts, host, seen } from './test-facts.ts';
import { planHost } from './plan.ts';

const recorded = (leaseSeconds?: number, status: Partial<Host['status']> = {}): Host =>
  host({}, { status: { ...status, ...(leaseSeconds !== undefined && { leaseSeconds }) } });

const lease = (offeredMs: number, inForceMs: number): HostLease => ({ token: 't', offeredMs, inForceMs, holds: inForceMs > 0 });

describe('what is recorded of a lease is never less than what is in force', () => {
  test.each([
    { why: 'one that no token has brought into force is not recorded', before: undefined, of: lease(20_000, 0), after: undefined },
    { why: 'one that is in force is', before: undefined, of: lease(20_000, 20_000), after: 20 },
    { why: 'the longer of what is and what is to be', before: 20, of: lease(30_000, 20_000), after: 30 },
    { why: 'a shorter one only once it is in force', before: 20, of: lease(10_000, 20_000), after: 20 },
    { why: 'then it is', before: 20, of: lease(10_000, 10_000), after: 10 },
    { why: 'one that is to end is recorded no more, though it is still in force', before: 20, of: lease(0, 20_000), after: undefined },
    { why: 'parts of a second count as one', before: undefined, of: lease(1500, 1500), after: 2 },
    { why: 'a driver that cannot have one has none', before: 20, of: undefined, after: undefined },
  ])('$why', ({ before, of, after }) => {
    expect(leaseSecondsAfter(recorded(before), of)).toBe(after);
  });

  test('a host that is proven dead is not asked, and keeps what was recorded', () => {
    const fence = { bootId: 'b-1', evidence: 'LeaseExpired', message: 'm' } as const;
    expect(leaseSecondsAfter(recorded(20, { fence }), undefined)).toBe(20);
  });
});

describe('a token comes back', () => {
  test.each([
    {
      why: 'where none is recorded: the first one brings the lease into force, or ends it',
      before: undefined,
      of: lease(20_000, 0),
      may: true,
    },
    { why: 'that ends a lease, where none is recorded any more', before: undefined, of: lease(0, 20_000), may: true },
    { why: 'for as long as what is recorded', before: 20, of: lease(20_000, 20_000), may: true },
    { why: 'for less', before: 20, of: lease(10_000, 20_000), may: true },
    { why: 'but not for longer than what others count by', before: 20, of: lease(20_001, 20_000), may: false },
    { why: 'but not to end what others count by', before: 20, of: lease(0, 20_000), may: false },
  ])('$why', ({ before, of, may }) => {
    expect(mayReturn(recorded(before), of)).toBe(may);
  });
});

test('a host with a lease is looked at four times in its time, though nothing is placed there', () => {
  const { device } = seen();
  const leasedFor = (offeredMs: number) => {
    if (device?.known !== true) throw new Error('it answers');
    return facts({ device: { known: true, value: { ...device.value, lease: lease(offeredMs, offeredMs) } } });
  };
  expect(planHost(host(), leasedFor(20_000))).toMatchObject({ lookAgainMs: 5000, punctual: true });
  expect(planHost(host(), leasedFor(0)).punctual).toBeUndefined();
  expect(planHost(host(), leasedFor(400_000)).lookAgainMs).toBe(10_000);
  expect(planHost(host(), leasedFor(0)).lookAgainMs).toBeUndefined();
});
