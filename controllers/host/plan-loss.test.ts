import { HostFields } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { stampConditions } from '../runtime/plan.ts';
import type { HostFacts, LeftCopy } from './plan-facts.ts';
import { driverDigest } from './plan-reached.ts';
import { planHost } from './plan.ts';
import { facts, failed, host, NOW, seen, vm1 } from './test-facts.ts';

const POWER = { power: { driver: 'ipmi' } };
const DEAD = { outOfService: { bootId: 'b-1', reason: 'burnt' } };
const OTHER = { outOfService: { bootId: 'b-0', reason: 'burnt' } };
const LONG = { recordedMs: 31_000, witnessedMs: 31_000, unrenewedMs: 31_000 };
const POWER_OFF = { bootId: 'b-1', evidence: 'PowerOff', message: 'its power driver ipmi confirmed that it is off' } as const;
const STATED = { bootId: 'b-1', evidence: 'OutOfService', message: 'spec.outOfService says so: burnt' } as const;
const copy: LeftCopy = { uid: 'm-1', name: 'default/vm-1', power: 'running', generation: 3, placementEpoch: 2 };

/** A host whose boot b-1 was seen, by the driver that is declared, unless a test says otherwise. */
function known(spec: object, status: Partial<Host['status']> = {}): Host {
  const driver = { name: 'sim', version: '1.0', reached: driverDigest(host(spec)) };
  return host(spec, { status: { hostId: 'sim-h-1', bootId: 'b-1', driver, ...status } });
}

/** What is known of it while nobody answers, for longer than it takes to suspect it. */
function silent(more: Partial<HostFacts> = {}): HostFacts {
  return facts({ ...failed('BACKEND'), silence: LONG, neighbours: { hosts: 4, silent: 1 }, placed: [vm1], ...more });
}

const inZone = (mode: 'Automatic' | 'Paused' | 'DryRun'): Pick<HostFacts, 'zone'> => {
  return { zone: { name: 'zone-1', failover: { mode, afterSeconds: 30 } } };
};

/** A host that stops its leased machines 20 s after it was last renewed, and the machine of vm-1 is one. */
const LEASED = { leaseSeconds: 20 } as const;
const RAN_OUT = { leased: new Set(['m-1']) } as const;
const EXPIRED = {
  ...({ bootId: 'b-1', evidence: 'LeaseExpired' } as const),
  machines: ['m-1'],
  message: 'its lease of 20 s ran out without an answer, so it has stopped the machines that were under it',
};

interface Row {
  readonly why: string;
  readonly have: Host;
  readonly facts: HostFacts;
  readonly ready: readonly [status: string, reason: string];
  readonly fence?: Host['status']['fence'];
  readonly fenced?: readonly [status: string, reason: string];
  readonly says?: RegExp;
  readonly steps?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    why: 'a short silence is only said',
    have: known(POWER),
    facts: silent({ silence: { recordedMs: 29_999, witnessedMs: 29_999, unrenewedMs: 29_999 } }),
    ready: ['Unknown', 'DriverUnreachable'],
  },
  {
    why: 'a host that is suspected, can be switched off and keeps somebody waiting is switched off',
    have: known(POWER),
    facts: silent(),
    ready: ['Unknown', 'PoweringOff'],
    says: /so that default\/vm-1 can run elsewhere/,
    steps: ['power-off'],
  },
  {
    why: 'without a power driver nothing proves it dead',
    have: known({}),
    facts: silent(),
    ready: ['Unknown', 'Suspect'],
    says: /spec\.outOfService/,
  },
  {
    why: 'nobody is switched off for VMs that are not to run elsewhere',
    have: known(POWER),
    facts: silent({ placed: [{ ...vm1, reschedules: false }] }),
    ready: ['Unknown', 'Suspect'],
    says: /no virtual machine here/,
  },
  {
    why: "another leader's watch is not ours",
    have: known(POWER),
    facts: silent({ silence: { recordedMs: 3_600_000, witnessedMs: 29_000, unrenewedMs: 29_000 } }),
    ready: ['Unknown', 'Suspect'],
    says: /its leader is new/,
  },
  {
    why: 'where more than a third of a zone is silent at once, we may be cut off',
    have: known(POWER),
    facts: silent({ neighbours: { hosts: 5, silent: 2 } }),
    ready: ['Unknown', 'StormGuard'],
    says: /more than a third/,
  },
  {
    why: 'a third is not more than a third',
    have: known(POWER),
    facts: silent({ neighbours: { hosts: 6, silent: 2 } }),
    ready: ['Unknown', 'PoweringOff'],
    steps: ['power-off'],
  },
  {
    why: 'one alone is no storm, in however small a zone',
    have: known(POWER),
    facts: silent({ neighbours: { hosts: 2, silent: 1 } }),
    ready: ['Unknown', 'PoweringOff'],
    steps: ['power-off'],
  },
  {
    why: 'nobody is switched off while no other host could take what ran there',
    have: known(POWER),
    facts: silent({ refuge: false }),
    ready: ['Unknown', 'Suspect'],
    says: /no other host is ready to take default\/vm-1/,
  },
  { why: 'a paused zone switches nothing off', have: known(POWER), facts: silent(inZone('Paused')), ready: ['Unknown', 'FailoverPaused'] },
  {
    why: 'a dry run says what would be done',
    have: known(POWER),
    facts: silent(inZone('DryRun')),
    ready: ['Unknown', 'DryRun'],
    says: /would be switched off so that default\/vm-1/,
  },
  {
    why: 'a Disabled host is not switched off',
    have: known(POWER),
    facts: silent({ pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Disabled' } }),
    ready: ['Unknown', 'Suspect'],
    says: /Disabled/,
  },
  {
    why: 'a host whose driver was changed since it was seen is not the one whose power could prove anything',
    have: known(
      { ...POWER, driver: { name: 'sim', config: { hostId: 'another' } } },
      { driver: { name: 'sim', version: '1', reached: 'x' } },
    ),
    facts: silent(),
    ready: ['Unknown', 'Suspect'],
    says: /spec\.driver was changed/,
  },
  { why: 'a host that was never seen cannot be proven dead', have: host(POWER), facts: silent(), ready: ['Unknown', 'Suspect'] },
  {
    why: 'what the power driver refuses for good is for a person',
    have: known(POWER),
    facts: silent({ refused: 'no such account' }),
    ready: ['Unknown', 'Suspect'],
    says: /no such account/,
  },
  {
    why: 'a confirmed off is the proof',
    have: known(POWER),
    facts: silent({ silence: { ...LONG, offBoot: 'b-1' } }),
    ready: ['False', 'Fenced'],
    fence: POWER_OFF,
    fenced: ['True', 'PowerOff'],
  },
  {
    why: 'an off that was confirmed for another boot is none',
    have: known(POWER),
    facts: silent({ silence: { ...LONG, offBoot: 'b-0' } }),
    ready: ['Unknown', 'PoweringOff'],
    steps: ['power-off'],
  },
  {
    why: 'what was proven stays so, whoever leads',
    have: known(POWER, { fence: POWER_OFF }),
    facts: silent({ silence: { recordedMs: 0, witnessedMs: 0, unrenewedMs: 0 } }),
    ready: ['False', 'Fenced'],
    fence: POWER_OFF,
    fenced: ['True', 'PowerOff'],
  },
  {
    why: 'what was proven of an earlier boot proves nothing of this one, and is kept only because the host is not clean',
    have: known(POWER, { fence: { ...POWER_OFF, bootId: 'b-0' } }),
    facts: silent(),
    ready: ['Unknown', 'PoweringOff'],
    fence: { ...POWER_OFF, bootId: 'b-0' },
    fenced: ['False', 'PoweringOff'],
    steps: ['power-off'],
  },
  {
    why: "an operator's statement is proof at once, and also while its driver cannot be asked",
    have: known(DEAD),
    facts: facts({ ...failed('DRIVER_UNKNOWN'), placed: [vm1] }),
    ready: ['False', 'Fenced'],
    fence: STATED,
    fenced: ['True', 'OutOfService'],
  },
  {
    why: 'a statement about another boot is void, and says so',
    have: known(OTHER),
    facts: silent(),
    ready: ['Unknown', 'Suspect'],
    fenced: ['False', 'Suspect'],
  },
  {
    why: 'a statement that was taken back proves nothing any more',
    have: known({}, { fence: STATED }),
    facts: silent(),
    ready: ['Unknown', 'Suspect'],
    fenced: ['False', 'Suspect'],
  },
  {
    why: 'a statement is void while the host answers for that boot, and nothing new is placed there',
    have: known(DEAD),
    facts: facts({ placed: [vm1] }),
    ready: ['False', 'OutOfService'],
    fenced: ['False', 'NotFenced'],
  },
  {
    why: 'a statement about an earlier boot does not matter to a host that is back',
    have: known(DEAD),
    facts: facts(seen({ bootId: 'b-2' })),
    ready: ['True', 'AsDeclared'],
    fenced: ['False', 'NotFenced'],
  },
  {
    why: 'a lease that ran out, with a margin, proves dead what was under it',
    have: known({}, LEASED),
    facts: silent({ silence: { recordedMs: 31_000, witnessedMs: 31_000, unrenewedMs: 23_000 }, ...RAN_OUT }),
    ready: ['False', 'Fenced'],
    fence: EXPIRED,
    fenced: ['True', 'LeaseExpired'],
  },
  {
    why: 'without the margin it proves nothing yet',
    have: known({}, LEASED),
    facts: silent({ silence: { recordedMs: 31_000, witnessedMs: 31_000, unrenewedMs: 22_999 }, ...RAN_OUT }),
    ready: ['Unknown', 'Suspect'],
    says: /its lease of 20 s is waited for to run out/,
  },
  {
    why: 'a lease proves nothing before the host is suspected',
    have: known({}, LEASED),
    facts: silent({ silence: { recordedMs: 29_999, witnessedMs: 31_000, unrenewedMs: 31_000 }, ...RAN_OUT }),
    ready: ['Unknown', 'DriverUnreachable'],
  },
  {
    why: 'a lease says nothing of machines that were not seen to be under it',
    have: known({}, LEASED),
    facts: silent(),
    ready: ['Unknown', 'Suspect'],
    says: /^silent for more than 30 s; its lease has run out, and default\/vm-1 was not under it/,
  },
  {
    why: 'a lease that is not recorded as in force is none',
    have: known({}),
    facts: silent(RAN_OUT),
    ready: ['Unknown', 'Suspect'],
    says: /it has no spec\.power/,
  },
  {
    why: 'a lease of the machine that another driver led to is not counted',
    have: known(
      { driver: { name: 'sim', config: { hostId: 'another' } } },
      { ...LEASED, driver: { name: 'sim', version: '1', reached: 'x' } },
    ),
    facts: silent(RAN_OUT),
    ready: ['Unknown', 'Suspect'],
  },
  {
    why: 'a host with a lease and a power driver is switched off while its lease has not run out',
    have: known(POWER, LEASED),
    facts: silent({ silence: { ...LONG, unrenewedMs: 0 }, ...RAN_OUT }),
    ready: ['Unknown', 'PoweringOff'],
    steps: ['power-off'],
  },
  {
    why: 'where many are silent at once, each lease proves what it proves',
    have: known({}, LEASED),
    facts: silent({ neighbours: { hosts: 5, silent: 5 }, ...RAN_OUT }),
    ready: ['False', 'Fenced'],
    fence: EXPIRED,
  },
  {
    why: 'nobody gives up a place for which there is no other, though the lease ran out',
    have: known({}, LEASED),
    facts: silent({ refuge: false, ...RAN_OUT }),
    ready: ['Unknown', 'Suspect'],
    says: /no other host is ready/,
  },
  {
    why: 'in a zone that is paused nobody runs elsewhere, though the lease ran out',
    have: known({}, LEASED),
    facts: silent({ ...inZone('Paused'), ...RAN_OUT }),
    ready: ['Unknown', 'FailoverPaused'],
    says: /its lease has stopped default\/vm-1/,
  },
  {
    why: 'a proof by lease stays, whoever leads, names those that are known later too, and says of whom it is none',
    have: known({}, { ...LEASED, fence: { ...EXPIRED, machines: ['m-0'] } }),
    facts: silent({
      silence: { recordedMs: 0, witnessedMs: 0, unrenewedMs: 0 },
      placed: [vm1, { ...vm1, uid: 'm-2', name: 'default/vm-2' }],
      ...RAN_OUT,
    }),
    ready: ['False', 'Fenced'],
    fence: { ...EXPIRED, machines: ['m-0', 'm-1'] },
    says: /nothing proves that of default\/vm-2$/,
  },
  {
    why: 'what an operator states is worth more than a lease, for it is about all that ran there',
    have: known(DEAD, { ...LEASED, fence: EXPIRED }),
    facts: silent(),
    ready: ['False', 'Fenced'],
    fence: STATED,
  },
  {
    why: 'a host that is back is cleaned before anything else, and stays fenced until it is',
    have: known(POWER, { fence: POWER_OFF }),
    facts: facts({ ...seen({ bootId: 'b-2' }), copies: [copy] }),
    ready: ['False', 'Cleaning'],
    fence: POWER_OFF,
    fenced: ['True', 'PowerOff'],
    says: /default\/vm-1/,
    steps: ['stop-copy'],
  },
  {
    why: 'a copy that stands still is removed, and one of which nobody knows is waited for',
    have: known(POWER),
    facts: facts({
      copies: [
        { ...copy, power: 'stopped' },
        { ...copy, uid: 'm-2', power: 'unknown' },
      ],
    }),
    ready: ['False', 'Cleaning'],
    steps: ['delete-copy'],
  },
  {
    why: 'nothing is removed where no call may change anything',
    have: known(POWER),
    facts: facts({ pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Disabled' }, copies: [copy] }),
    ready: ['False', 'Cleaning'],
    says: /it is Disabled/,
  },
  {
    why: 'a host that is back and clean is proven dead no more',
    have: known(POWER, { fence: POWER_OFF }),
    facts: facts(seen({ bootId: 'b-2' })),
    ready: ['True', 'AsDeclared'],
    fenced: ['False', 'NotFenced'],
  },
  {
    why: 'another machine that answers in its place is not cleaned, and proves nothing',
    have: known(POWER, { fence: POWER_OFF }),
    facts: facts({ ...seen({ hostId: 'another', bootId: 'b-9' }), placed: [vm1], copies: [copy] }),
    ready: ['False', 'ConfigInvalid'],
    fence: POWER_OFF,
    fenced: ['True', 'PowerOff'],
  },
];

describe('the loss of a host', () => {
  test.each(ROWS)('$why', ({ have, facts: of, ready, fence, fenced, says = /./, steps = [] }) => {
    const plan = planHost(have, of);
    const [said] = plan.status.conditions;
    expect([said?.status, said?.reason]).toEqual(ready);
    expect(said?.message).toMatch(says);
    expect(plan.status.fence).toEqual(fence);
    expect(plan.steps.map((step) => step.do)).toEqual(steps);
    const condition = plan.status.conditions.find(({ type }) => type === 'Fenced');
    if (fenced !== undefined) expect([condition?.status, condition?.reason]).toEqual(fenced);
    const status = { ...plan.status, conditions: [...stampConditions(plan.status.conditions, [], NOW)] };
    expect(HostFields.shape.status.parse(status)).toBeDefined();
  });

  test('a void statement is named with both boots', () => {
    const { status } = planHost(known(OTHER), silent());
    expect(status.conditions.find(({ type }) => type === 'Fenced')?.message).toMatch(
      /boot b-0, which is not the last one seen: it is void$/,
    );
  });

  test('a driver that cannot be asked says nothing about the host', () => {
    for (const reason of ['DRIVER_UNKNOWN', 'CONFIG_INVALID'] as const) {
      const { status, steps } = planHost(known(POWER), facts({ ...failed(reason), placed: [vm1] }));
      expect(status.conditions.find(({ type }) => type === 'Reachable')?.status).toBe('Unknown');
      expect(steps).toEqual([]);
    }
  });

  test('a host that carries virtual machines is looked at three times in the time that it may be silent, others rarely', () => {
    expect(planHost(host(), facts({ placed: [vm1] })).lookAgainMs).toBe(10_000);
    expect(planHost(host(), facts()).lookAgainMs).toBeUndefined();
    expect(planHost(host(), silent()).lookAgainMs).toBe(5000);
    // A new leader has to hear them after the silence began for it, and nothing may happen to make them worth a look.
    expect(planHost(host(), facts({ besideSilent: true })).lookAgainMs).toBe(10_000);
  });
});
