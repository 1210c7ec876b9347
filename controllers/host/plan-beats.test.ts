import type { HostAnswer, HostFacts } from './plan-facts.ts';
import { planHost } from './plan.ts';
import { facts, failed, host, seen, vm1 } from './test-facts.ts';

const HASTY = { zone: { name: 'zone-1', failover: { mode: 'Automatic', afterSeconds: 29 } } } as const;

describe('a host whose driver tells that it answers', () => {
  const NO_LEASE = { token: 't', offeredMs: 0, inForceMs: 0, holds: false };
  const { device } = seen();
  const told = (more: Partial<HostAnswer> = {}, rest: Partial<HostFacts> = {}): HostFacts => {
    if (device?.known !== true) throw new Error('it answers');
    return facts({ device: { known: true, value: { ...device.value, beatMs: 10_000, ...more } }, placed: [vm1], ...rest });
  };
  const cordoned = { pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Cordoned' } } as const;

  test.each([
    { why: 'is not looked at, though it carries virtual machines', of: told(), ms: undefined },
    { why: 'nor where nothing new is placed', of: told({}, cordoned), ms: undefined },
    { why: 'nor where its lease has ended', of: told({ lease: NO_LEASE }), ms: undefined },
    { why: 'is looked at as ever beside a silent one, whose judgement needs answers', of: told({}, { besideSilent: true }), ms: 10_000 },
    { why: 'and for its lease', of: told({ lease: { ...NO_LEASE, offeredMs: 20_000 } }), ms: 5000 },
    { why: 'and for one that is to end, because only a look ends it', of: told({ lease: { ...NO_LEASE, inForceMs: 20_000 } }), ms: 10_000 },
    { why: 'and where another object is the same machine', of: told({}, { twin: 'host-0' }), ms: 10_000 },
    { why: 'and where its zone wants to know of a silence sooner than beats come', of: told({}, HASTY), ms: 9667 },
    { why: 'and once it does not answer', of: facts(failed('BACKEND')), ms: 5000 },
  ])('$why', ({ of, ms }) => {
    expect(planHost(host(), of).lookAgainMs).toBe(ms);
  });
});
