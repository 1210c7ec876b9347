import fc from 'fast-check';
import { schedule } from './schedule.ts';
import { roomOf } from './schedule-room.ts';
import type { HostCandidate, PlacedMachine, PlacementRequest } from './schedule-facts.ts';

const GIB = 2 ** 30;

function host(name: string, more: Partial<HostCandidate> = {}): HostCandidate {
  return {
    ...{ name, pod: 'rack-1', zone: 'zone-1', labels: {}, ready: true, maintenance: false, deleting: false, allocation: 'Enabled' },
    ...{ capabilities: ['disk-protocol.sim', 'machine.boot-disk'], realCpus: 16, allocatable: { cpus: 16, memoryBytes: 64 * GIB } },
    ...more,
  };
}

function request(placement: Partial<PlacementRequest['placement']> = {}, more: Partial<PlacementRequest> = {}): PlacementRequest {
  return {
    ...{ uid: 'm-1', namespace: 'default', labels: {}, cpus: 2, memoryBytes: 4 * GIB, capabilities: ['machine.boot-disk'], pools: [] },
    placement: { antiAffinity: [], strategy: 'Spread', ...placement },
    ...more,
  };
}

function machine(uid: string, on: string, more: Partial<PlacedMachine> = {}): PlacedMachine {
  return {
    ...{ uid, namespace: 'default', labels: { app: 'web' }, host: on, pod: 'rack-1', zone: 'zone-1', cpus: 4, memoryBytes: 8 * GIB },
    keepsOff: [],
    ...more,
  };
}

const apart = (mode: 'Required' | 'Preferred', topology: 'Host' | 'Pod' | 'Zone' = 'Host') => {
  return { antiAffinity: [{ topology, labelSelector: { matchLabels: { app: 'web' } }, mode }] };
};

interface Row {
  readonly why: string;
  readonly hosts: readonly HostCandidate[];
  readonly placed?: readonly PlacedMachine[];
  readonly request?: PlacementRequest;
  readonly goes: string;
}

const BOTH = [host('a'), host('b')];

const ROWS: readonly Row[] = [
  { why: 'Spread takes the emptiest', hosts: BOTH, placed: [machine('x', 'a')], goes: 'b' },
  { why: 'Pack takes the fullest that fits', hosts: BOTH, placed: [machine('x', 'b')], request: request({ strategy: 'Pack' }), goes: 'b' },
  {
    why: 'FirstFit takes the first by name',
    hosts: BOTH,
    placed: [machine('x', 'a')],
    request: request({ strategy: 'FirstFit' }),
    goes: 'a',
  },
  { why: 'ties go by name, whatever the order', hosts: [...BOTH].reverse(), goes: 'a' },
  { why: 'the VM itself does not count against it', hosts: [host('a')], placed: [machine('m-1', 'a', { cpus: 16 })], goes: 'a' },
  {
    why: 'a VM goes where its labels are',
    hosts: [host('a'), host('b', { labels: { disk: 'fast' } })],
    request: request({ hostSelector: { matchLabels: { disk: 'fast' } } }),
    goes: 'b',
  },
  { why: 'a VM goes to its pod', hosts: [host('a'), host('b', { pod: 'rack-2' })], request: request({ pod: 'rack-2' }), goes: 'b' },
  {
    why: 'a VM follows a pool of one host',
    hosts: BOTH,
    request: request({}, { pools: [{ scope: { host: 'b' }, protocols: ['sim'] }] }),
    goes: 'b',
  },
  {
    why: 'Required antiAffinity keeps apart',
    hosts: BOTH,
    placed: [machine('x', 'a'), machine('y', 'b', { labels: {}, cpus: 12 })],
    request: request(apart('Required')),
    goes: 'b',
  },
  {
    why: 'another namespace is not kept apart from',
    hosts: [host('a')],
    placed: [machine('x', 'a', { namespace: 'other' })],
    request: request(apart('Required')),
    goes: 'a',
  },
  {
    why: 'Preferred antiAffinity counts before emptiness',
    hosts: BOTH,
    placed: [machine('x', 'a', { cpus: 1 }), machine('y', 'b', { labels: {}, cpus: 12 })],
    request: request(apart('Preferred')),
    goes: 'b',
  },
  {
    why: 'Preferred antiAffinity gives way where nothing else fits',
    hosts: [host('a')],
    placed: [machine('x', 'a')],
    request: request(apart('Preferred')),
    goes: 'a',
  },
];

interface Refused {
  readonly hosts: readonly HostCandidate[];
  readonly placed?: readonly PlacedMachine[];
  readonly request?: PlacementRequest;
  readonly message: string;
}

const REFUSED: readonly Refused[] = [
  { hosts: [], message: 'there are no hosts' },
  { hosts: [host('a', { ready: false })], message: '0 of 1 host fits: 1 is not ready' },
  {
    hosts: [host('a'), host('b'), host('c', { allocation: 'Cordoned' })],
    request: request({}, { memoryBytes: 65 * GIB }),
    message: '0 of 3 hosts fit: 2 have too little memory, 1 is cordoned',
  },
  { hosts: [host('a', { allocation: 'Disabled' })], message: '0 of 1 host fits: 1 is disabled' },
  { hosts: [host('a', { maintenance: true })], message: '0 of 1 host fits: 1 is in maintenance' },
  { hosts: [host('a', { deleting: true })], message: '0 of 1 host fits: 1 is being deleted' },
  { hosts: BOTH, request: request({ pod: 'x' }), message: '0 of 2 hosts fit: 2 are in another pod' },
  {
    hosts: BOTH,
    request: request({ hostSelector: { matchLabels: { a: 'b' } } }),
    message: '0 of 2 hosts fit: 2 do not match hostSelector',
  },
  { hosts: [host('a')], placed: [machine('x', 'a', { cpus: 15 })], message: '0 of 1 host fits: 1 has too few CPUs' },
  {
    hosts: [host('a', { allocatable: { cpus: 64, memoryBytes: 64 * GIB } })],
    request: request({}, { cpus: 17 }),
    message: '0 of 1 host fits: 1 has too few CPUs',
  },
  {
    hosts: [host('a')],
    placed: [machine('x', 'a')],
    request: request(apart('Required', 'Pod')),
    message: '0 of 1 host fits: 1 shares with app=web in its pod',
  },
  {
    hosts: BOTH,
    placed: [machine('x', 'a'), machine('y', 'b', { labels: { app: 'db', tier: 'x' } })],
    request: request({
      antiAffinity: [
        ...apart('Required').antiAffinity,
        {
          topology: 'Host',
          mode: 'Required',
          labelSelector: {
            matchLabels: { app: 'db' },
            matchExpressions: [
              { key: 'tier', operator: 'In', values: ['x', 'y'] },
              { key: 'old', operator: 'DoesNotExist' },
            ],
          },
        },
      ],
    }),
    message: '0 of 2 hosts fit: 1 shares with app=db,tier in (x,y),!old, 1 shares with app=web',
  },
  {
    hosts: [host('a')],
    placed: [machine('x', 'a', { keepsOff: apart('Required').antiAffinity })],
    request: request({}, { labels: { app: 'web' } }),
    message: '0 of 1 host fits: 1 has a VM that must not share with it',
  },
  {
    hosts: [host('a')],
    request: request({}, { pools: [{ scope: { pod: 'rack-2' }, protocols: ['sim'] }] }),
    message: "0 of 1 host fits: 1 does not reach a volume's pool",
  },
];

describe('schedule', () => {
  test.each(ROWS)('$why', ({ hosts, placed = [], request: asked = request(), goes }) => {
    expect(schedule(asked, roomOf(hosts, placed, asked.uid))).toMatchObject({ host: goes, unsupported: false });
  });

  test.each(REFUSED)('says why nothing fits: $message', ({ hosts, placed = [], request: asked = request(), message }) => {
    expect(schedule(asked, roomOf(hosts, placed))).toMatchObject({ message, unsupported: false });
  });

  test('what no host can do at all is told apart from what is full', () => {
    const protocol = request({}, { pools: [{ scope: { zone: 'zone-1' }, protocols: ['nbd'] }] });
    expect(schedule(protocol, roomOf(BOTH, []))).toMatchObject({ unsupported: true });
    const bridge = request({}, { capabilities: ['machine.interface.bridge'] });
    expect(schedule(bridge, roomOf(BOTH, []))).toMatchObject({
      unsupported: true,
      message: '0 of 2 hosts fit: 2 cannot do what is declared',
    });
  });

  test('says of a decision why this host, and why not the others, with their names where there is room for them', () => {
    const hosts = [host('a'), host('b'), ...['c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name) => host(name, { ready: false }))];
    const spread = schedule(request(), roomOf(hosts, [machine('x', 'a')]));
    expect(spread.message).toBe('on Host b, the emptiest of 2 that fit; 7 do not: 7 are not ready');
    expect(spread.detail).toBe('on Host b, the emptiest of 2 that fit; 7 do not: 7 are not ready (c, d, e, f, g and 2 more)');
    expect(schedule(request({ strategy: 'Pack' }), roomOf([host('a'), host('b', { allocation: 'Cordoned' })], [])).message).toBe(
      'on Host a, the only one that fits; 1 does not: 1 is cordoned',
    );
    expect(schedule(request({ strategy: 'FirstFit' }), roomOf(BOTH, [])).message).toBe('on Host a, the first of 2 that fit');
    const refused = schedule(request({}, { memoryBytes: 65 * GIB }), roomOf(hosts, []));
    expect(refused.detail).toBe('0 of 9 hosts fit: 7 are not ready (c, d, e, f, g and 2 more), 2 have too little memory (a and b)');
  });

  test('what is said is bounded, however long names and selectors are', () => {
    const long = Array.from({ length: 8 }, (_, index) => ({
      ...{ topology: 'Host' as const, mode: 'Required' as const },
      labelSelector: { matchLabels: { [`k${index}`]: 'v'.repeat(63) } },
    }));
    const hosts = Array.from({ length: 64 }, (_, index) => host(`${'h'.repeat(250)}${index}`));
    const placed = hosts.map(({ name }, index) => machine(name, name, { labels: { [`k${index % 8}`]: 'v'.repeat(63) } }));
    const { message, detail } = schedule(request({ antiAffinity: long }), roomOf(hosts, placed));
    expect(message).toContain('0 of 64 hosts fit: 8 share with k0=');
    expect([message.length, detail.length]).toEqual([600, 1000]);
  });

  test('no sequence of placements gives out more than there is, and the order of hosts does not matter', () => {
    const vms = fc.array(fc.record({ cpus: fc.integer({ min: 1, max: 20 }), gib: fc.integer({ min: 1, max: 80 }) }), { maxLength: 30 });
    const strategy = fc.constantFrom('Spread', 'Pack', 'FirstFit');
    fc.assert(
      fc.property(vms, strategy, (wanted, by) => {
        const hosts = [host('a'), host('b', { allocatable: { cpus: 32, memoryBytes: 32 * GIB } }), host('c')];
        const placed: PlacedMachine[] = [];
        wanted.forEach(({ cpus, gib }, index) => {
          const asked = request({ strategy: by }, { uid: `m-${index}`, cpus, memoryBytes: gib * GIB });
          const choice = schedule(asked, roomOf(hosts, placed));
          expect(schedule(asked, roomOf([...hosts].reverse(), placed))).toEqual(choice);
          if (choice.host !== undefined) placed.push(machine(`m-${index}`, choice.host, { cpus, memoryBytes: gib * GIB }));
        });
        for (const { name, allocatable } of hosts) {
          const here = placed.filter((vm) => vm.host === name);
          expect(here.reduce((sum, { cpus }) => sum + cpus, 0)).toBeLessThanOrEqual(allocatable.cpus);
          expect(here.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).toBeLessThanOrEqual(allocatable.memoryBytes);
        }
      }),
    );
  });
});
