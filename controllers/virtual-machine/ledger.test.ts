import fc from 'fast-check';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { hostObject, machineObject, manualWorld, podObject, scheduled, zoneObject, type ManualWorld } from '../../test/cloud-objects.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { requestOf } from './plan/describe.ts';
import { schedule } from './schedule.ts';
import type { PlacedMachine, PlacementRequest, Room } from './schedule-facts.ts';
import { roomOf } from './schedule-room.ts';
import { candidateOf } from './world.ts';

const GIB = 2 ** 30;
const apart = (topology: 'Host' | 'Pod' | 'Zone', app: string, mode: 'Required' | 'Preferred' = 'Required') => {
  return { topology, mode, labelSelector: { matchLabels: { app } } };
};
const RULES = [[], [apart('Host', 'a')], [apart('Pod', 'b'), apart('Zone', 'c', 'Preferred')], [apart('Zone', 'a')]];
const asked = (vm: VirtualMachine): PlacementRequest => requestOf(vm, []);

/** The room of a zone by a look at all objects, as it was before there was a ledger. */
function walked(world: ManualWorld, zone: string): Room {
  const candidates = world.hosts.list().flatMap((host) => candidateOf(world, host) ?? []);
  const placed = world.machines.list().flatMap(({ metadata, spec, status }): PlacedMachine[] => {
    if (status.host === undefined) return [];
    const host = candidates.find(({ name }) => name === status.host);
    return [
      {
        ...{ uid: metadata.uid, namespace: 'default', labels: metadata.labels ?? {}, host: status.host, pod: host?.pod ?? '' },
        ...{ zone: host?.zone ?? status.zone ?? '', cpus: spec.cpus, memoryBytes: bytesOf(spec.memory) },
        keepsOff: spec.placement.antiAffinity.filter(({ mode }) => mode === 'Required'),
      },
    ];
  });
  return roomOf(
    candidates.filter((host) => host.zone === zone),
    placed,
  );
}

/** All that a room says about requests of every kind. */
function said(room: Room): unknown {
  const requests = RULES.flatMap((antiAffinity) =>
    ['a', 'b', 'c'].map((app) => asked(machineObject('probe', { placement: { antiAffinity } }, {}, { labels: { app } }))),
  );
  return {
    hosts: [...room.hosts],
    columns: Object.entries(room.columns).map(([name, column]) => [name, ...Array.from(column as ArrayLike<number>)]),
    choices: requests.map((request) => schedule(request, room)),
    neighbours: requests.map((request) => {
      const neighbours = room.neighboursOf(request);
      return room.hosts.map((host) => [
        neighbours.keptOff?.(host) === true,
        ...request.placement.antiAffinity.map((rule) => neighbours.sharing(rule, host)),
      ]);
    }),
  };
}

const ZONES = ['z-0', 'z-1'];

const same = (ledger: Ledger, world: ManualWorld): void => {
  for (const zone of ZONES) expect(said(ledger.roomIn(zone))).toEqual(said(walked(world, zone)));
};

interface Event {
  readonly what:
    'zone' | 'pod' | 'host' | 'claim' | 'verify' | 'withdraw' | 'change' | 'remove' | 'read' | 'expect' | 'drop-host' | 'drop-pod';
  readonly which: number;
  readonly how: number;
}

const EVENT: fc.Arbitrary<Event> = fc.record({
  what: fc.constantFrom(
    'zone',
    'pod',
    'host',
    'claim',
    'verify',
    'withdraw',
    'change',
    'remove',
    'read',
    'expect',
    'drop-host',
    'drop-pod',
  ),
  which: fc.nat(7),
  how: fc.nat(11),
});

/** Lets a world change by events; a VM's newest version is what the store has, and the view may be told later. */
function play(world: ManualWorld, ledger: Ledger, events: readonly Event[]): void {
  let version = 1;
  const put = (name: string, spec: object, status: object, labels: Readonly<Record<string, string>>, how: number): VirtualMachine => {
    version += 1;
    return machineObject(name, spec, status, { uid: `uid-${name}-${Math.floor(how / 6)}`, version, generation: version, labels });
  };
  const objects = {
    zone: (which: number, how: number) => {
      const name = `z-${which % 2}`;
      world.zones.put(
        zoneObject(name, { allocation: ['Enabled', 'Cordoned', 'Disabled'][how % 3] }, { version: (version += 1), generation: version }),
      );
    },
    pod: (which: number, how: number) => {
      const name = `p-${which % 4}`;
      const overcommit = { cpuPercent: [100, 200][how % 2], memoryPercent: [100, 50, 150][how % 3] };
      world.pods.put(podObject(name, { zone: `z-${which % 2}`, overcommit }, { version: (version += 1), generation: version }));
    },
    host: (which: number, how: number) => {
      const spec = { pod: `p-${which % 4}`, ready: how % 3 > 0, reserved: { cpus: how % 4, memory: '1Gi' }, maintenance: how % 5 === 4 };
      world.hosts.put(hostObject(`h-${which}`, spec, { version: (version += 1), labels: { rack: String(how % 2) } }));
    },
  };
  for (const { what, which, how } of events) {
    const name = `m-${which}`;
    const seen = world.machines.get({ namespace: 'default', name });
    const epoch = (seen?.status.placementEpoch ?? 0) + 1;
    const spec = { cpus: 1 + (how % 3), memory: `${1 + (how % 2)}Gi`, placement: { antiAffinity: RULES[how % 4] } };
    const labels = { app: ['a', 'b', 'c'][how % 3] ?? '' };
    const claimed = { host: `h-${how % 8}`, placementEpoch: epoch, conditions: [scheduled(what === 'verify' ? 'True' : 'Unknown')] };
    if (what === 'zone' || what === 'pod' || what === 'host') objects[what](which, how);
    else if (what === 'drop-host') world.hosts.drop({ name: `h-${which}` });
    else if (what === 'drop-pod') world.pods.drop({ name: `p-${which % 4}` });
    else if (what === 'remove') world.machines.drop({ namespace: 'default', name });
    else if (what === 'verify' && seen?.status.host !== undefined) {
      version += 1;
      const metadata = {
        ...seen.metadata,
        resourceVersion: String(version),
        labels: how % 2 === 0 ? labels : (seen.metadata.labels ?? {}),
      };
      world.machines.put({ ...seen, metadata, status: { ...seen.status, conditions: [scheduled('True')] } });
    } else if (what === 'withdraw') world.machines.put(put(name, spec, { placementEpoch: epoch }, labels, how));
    else if (what === 'read') {
      // Somebody's round reads a version, acts on it, and only then the view is told.
      const read = put(name, spec, how % 2 === 0 ? claimed : { placementEpoch: epoch }, labels, how);
      if (seen !== undefined) ledger.read({ ...read, metadata: { ...read.metadata, uid: seen.metadata.uid } });
      world.machines.put(seen === undefined ? read : { ...read, metadata: { ...read.metadata, uid: seen.metadata.uid } });
    } else if (what === 'expect') {
      if (seen === undefined || seen.status.host !== undefined) continue;
      ledger.read(seen);
      ledger.decided(seen, { host: `h-${how % 8}`, epoch });
      // It was written, or it was not, and then the next round reads what there is.
      if (how % 2 === 0) ledger.read(seen);
      else {
        version += 1;
        const metadata = { ...seen.metadata, resourceVersion: String(version) };
        world.machines.put({ ...seen, metadata, status: { ...seen.status, ...claimed, conditions: [scheduled('Unknown')] } });
      }
    } else world.machines.put(put(name, spec, claimed, labels, how));
  }
}

describe('The ledger', () => {
  test('says after any sequence of events what a look at all objects says, and so does one that begins there', () => {
    fc.assert(
      fc.property(fc.array(EVENT, { maxLength: 60, size: 'max' }), (events) => {
        const world = manualWorld();
        const ledger = createLedger(world);
        play(world, ledger, events);
        same(ledger, world);
        same(createLedger(world), world);
      }),
      { numRuns: 100 },
    );
  });

  const small = (): { readonly world: ManualWorld; readonly ledger: Ledger; readonly woken: string[] } => {
    const world = manualWorld();
    world.zones.put(zoneObject('z-0'));
    world.pods.put(podObject('p-0', { zone: 'z-0' }));
    const ledger = createLedger(world);
    const woken: string[] = [];
    ledger.follow(({ name }) => woken.push(name));
    return { world, ledger, woken };
  };
  const unplaced = (name: string, spec: object = {}, labels: Readonly<Record<string, string>> = {}, created = 0): VirtualMachine => {
    const vm = machineObject(name, { placement: { zone: 'z-0' }, ...spec }, {}, { labels });
    return { ...vm, metadata: { ...vm.metadata, creationTimestamp: `2026-01-01T00:00:${String(created).padStart(2, '0')}Z` } };
  };
  const on = (host: string, name: string, spec: object = {}, labels: Readonly<Record<string, string>> = {}): VirtualMachine =>
    machineObject(name, { placement: { zone: 'z-0' }, ...spec }, { host, placementEpoch: 1, conditions: [scheduled('True')] }, { labels });
  /** One round of a VM that is not placed yet: it is read, decided about, and its claim is on its way. */
  const decide = (ledger: Ledger, vm: VirtualMachine): string | undefined => {
    ledger.read(vm);
    const { host } = schedule(asked(vm), ledger.roomIn('z-0'));
    ledger.decided(vm, { epoch: 1, request: asked(vm), ...(host !== undefined && { host }) });
    return host;
  };

  test('counts claims that are about to be published, so that a burst does not pile up on one host', () => {
    const { world, ledger } = small();
    for (const name of ['h-0', 'h-1']) world.hosts.put(hostObject(name, { pod: 'p-0' }));
    const burst = Array.from({ length: 18 }, (_, index) => unplaced(`m-${index}`));
    for (const vm of burst) world.machines.put(vm);
    const went = burst.map((vm) => decide(ledger, vm));
    expect(went.filter((host) => host === 'h-0')).toHaveLength(8);
    expect(went.filter((host) => host === 'h-1')).toHaveLength(8);
    expect(went.slice(16)).toEqual([undefined, undefined]);
  });

  test('a claim that was refused counts no more once the VM is read again', () => {
    const { world, ledger } = small();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    const [big, other] = [unplaced('big', { cpus: 16 }), unplaced('other', { cpus: 16 })];
    for (const vm of [big, other]) world.machines.put(vm);
    expect([decide(ledger, big), decide(ledger, other)]).toEqual(['h-0', undefined]);
    ledger.read(big);
    expect(decide(ledger, other)).toBe('h-0');
  });

  test('what was read of a VM counts, whatever older the view tells afterwards', () => {
    const { world, ledger } = small();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    const before = machineObject('m', {}, {}, { version: 1 });
    world.machines.put(before);
    ledger.read(machineObject('m', {}, { host: 'h-0', placementEpoch: 1, conditions: [scheduled('Unknown')] }, { version: 3 }));
    world.machines.put(machineObject('m', {}, {}, { version: 2, labels: { app: 'a' } }));
    expect(ledger.roomIn('z-0').columns.freeCpus[0]).toBe(14);
  });

  test('wakes as many as have room when a VM goes, the oldest first, and none of ten thousand others', () => {
    const { world, ledger, woken } = small();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    for (let index = 0; index < 8; index += 1) world.machines.put(on('h-0', `there-${index}`));
    const waiting = Array.from({ length: 10_000 }, (_, index) => unplaced(`w-${index}`, {}, { n: String(index % 100) }, 59 - (index % 60)));
    for (const vm of waiting) {
      world.machines.put(vm);
      expect(decide(ledger, vm)).toBeUndefined();
    }
    expect(woken).toEqual([]);
    world.machines.drop({ namespace: 'default', name: 'there-0' });
    const oldest = waiting
      .filter(({ metadata }) => metadata.creationTimestamp.endsWith(':00Z'))
      .map(({ metadata }) => metadata.uid)
      .sort()[0];
    expect(woken.map((name) => `uid-${name}`)).toEqual([oldest]);
    // It is not woken twice, and the next that goes is for the next.
    world.machines.drop({ namespace: 'default', name: 'there-1' });
    expect(new Set(woken).size).toBe(2);
    expect(woken).toHaveLength(2);
  });

  test('who was woken and does not take the host leaves it to the next', () => {
    const { world, ledger, woken } = small();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    world.machines.put(on('h-0', 'there', { cpus: 16 }));
    const [first, second] = [unplaced('first', {}, {}, 1), unplaced('second', { cpus: 16 }, {}, 2)];
    for (const vm of [first, second]) {
      world.machines.put(vm);
      decide(ledger, vm);
    }
    world.machines.drop({ namespace: 'default', name: 'there' });
    expect(woken).toEqual(['first']);
    // It waits for a volume now, say, and asks for no host.
    ledger.decided(first, { epoch: 0 });
    expect(woken).toEqual(['first', 'second']);
  });

  test('wakes who fits a host that comes, is ready again, is uncordoned or has other labels, and nobody else', () => {
    const { world, ledger, woken } = small();
    const [plain, fast] = [
      unplaced('plain'),
      unplaced('fast', { placement: { zone: 'z-0', hostSelector: { matchLabels: { disk: 'fast' } } } }),
    ];
    for (const vm of [plain, fast]) world.machines.put(vm);
    const wait = (): void => {
      woken.length = 0;
      for (const vm of [plain, fast]) ledger.decided(vm, { epoch: 0, request: asked(vm) });
    };
    wait();
    world.hosts.put(hostObject('h-0', { pod: 'p-0', ready: false }, { version: 1 }));
    expect(woken).toEqual([]);
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }, { version: 2 }));
    expect(woken).toEqual(['plain']);
    wait();
    expect(woken).toEqual([]);
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }, { version: 3, labels: { disk: 'fast' } }));
    expect([...woken].sort()).toEqual(['fast', 'plain']);
    world.zones.put(zoneObject('z-0', { allocation: 'Cordoned' }, { version: 4, generation: 2 }));
    wait();
    expect(woken).toEqual([]);
    world.zones.put(zoneObject('z-0', {}, { version: 5, generation: 3 }));
    expect([...woken].sort()).toEqual(['fast', 'plain']);
    // The same host again, with nothing of it new but its version.
    wait();
    const before = woken.length;
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }, { version: 6, labels: { disk: 'fast' } }));
    expect(woken).toHaveLength(before);
  });

  test('wakes who may not share a pod with a VM that goes, on whatever host of it', () => {
    const { world, ledger, woken } = small();
    for (const name of ['h-0', 'h-1']) world.hosts.put(hostObject(name, { pod: 'p-0' }));
    world.machines.put(on('h-0', 'db', { cpus: 16 }, { app: 'db' }));
    world.machines.put(on('h-0', 'small', { cpus: 1 }, { app: 'other' }));
    const vm = unplaced('web', { cpus: 16, placement: { zone: 'z-0', antiAffinity: [apart('Pod', 'db')] } });
    world.machines.put(vm);
    expect(decide(ledger, vm)).toBeUndefined();
    world.machines.drop({ namespace: 'default', name: 'small' });
    expect(woken).toEqual([]);
    world.machines.put(on('h-0', 'small', { cpus: 1 }, { app: 'other' }));
    world.machines.drop({ namespace: 'default', name: 'db' });
    expect(woken).toEqual(['web']);
    expect(decide(ledger, vm)).toBe('h-1');
  });

  test('wakes all of a kind that have room once nothing keeps them off, one after another, and no more', () => {
    const { world, ledger, woken } = small();
    for (const name of ['h-0', 'h-1']) world.hosts.put(hostObject(name, { pod: 'p-0' }));
    world.machines.put(on('h-0', 'db', { cpus: 1, placement: { zone: 'z-0', antiAffinity: [apart('Pod', 'web')] } }, { app: 'db' }));
    world.machines.put(on('h-0', 'rest', { cpus: 15 }));
    const webs = [1, 2, 3, 4].map((index) => unplaced(`web-${index}`, { cpus: 5 }, { app: 'web' }, index));
    for (const vm of webs) {
      world.machines.put(vm);
      expect(decide(ledger, vm)).toBeUndefined();
    }
    world.machines.drop({ namespace: 'default', name: 'db' });
    // Each is decided about as it is woken, and wakes the next by that.
    for (const name of woken) {
      const vm = webs.find(({ metadata }) => metadata.name === name);
      if (vm !== undefined) expect(decide(ledger, vm)).toBe('h-1');
    }
    expect(woken).toEqual(['web-1', 'web-2', 'web-3']);
  });

  test.each([
    { how: 'is gone', drops: true },
    { how: 'asks for no host any more', drops: false },
  ])('goes on with the next of a kind where the one that was woken $how', ({ drops }) => {
    const { world, ledger, woken } = small();
    for (const name of ['h-0', 'h-1', 'h-2']) world.hosts.put(hostObject(name, { pod: 'p-0' }));
    world.machines.put(on('h-0', 'db', { cpus: 1, placement: { zone: 'z-0', antiAffinity: [apart('Pod', 'web')] } }, { app: 'db' }));
    world.machines.put(on('h-0', 'rest', { cpus: 15 }));
    const webs = [1, 2, 3].map((index) => unplaced(`web-${index}`, { cpus: 16 }, { app: 'web' }, index));
    for (const vm of webs) {
      world.machines.put(vm);
      decide(ledger, vm);
    }
    const [first, ...others] = webs;
    world.machines.drop({ namespace: 'default', name: 'db' });
    expect(woken).toEqual(['web-1']);
    if (drops) world.machines.drop({ namespace: 'default', name: 'web-1' });
    else if (first !== undefined) ledger.decided(first, { epoch: 0 });
    expect(woken).toEqual(['web-1', 'web-2', 'web-3']);
    expect(others.map((vm) => decide(ledger, vm)).sort()).toEqual(['h-1', 'h-2']);
  });

  test('a VM that went while it was decided about keeps no room from others', () => {
    const { world, ledger, woken } = small();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    world.machines.put(on('h-0', 'there', { cpus: 16 }));
    const [gone, other] = [unplaced('gone', { cpus: 16 }, {}, 1), unplaced('other', { cpus: 16 }, {}, 2)];
    for (const vm of [gone, other]) world.machines.put(vm);
    decide(ledger, other);
    ledger.read(gone);
    world.machines.drop({ namespace: 'default', name: 'gone' });
    ledger.decided(gone, { epoch: 0, request: asked(gone) });
    world.machines.drop({ namespace: 'default', name: 'there' });
    expect(woken).toEqual(['other']);
  });
});

describe('A room for verification', () => {
  test('has the claims that come before: verified ones and those of a lower version, not those about to be published', () => {
    const world = manualWorld();
    world.zones.put(zoneObject('z-0'));
    world.pods.put(podObject('p-0', { zone: 'z-0' }));
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }));
    const ledger = createLedger(world);
    const claim = (name: string, version: number, verified: boolean): VirtualMachine =>
      machineObject(
        name,
        { memory: '1Gi' },
        { host: 'h-0', placementEpoch: 1, conditions: [scheduled(verified ? 'True' : 'Unknown')] },
        { version },
      );
    const mine = claim('mine', 10, false);
    for (const vm of [mine, claim('earlier', 9, false), claim('later', 11, false), claim('verified', 12, true)]) world.machines.put(vm);
    const soon = machineObject('soon');
    world.machines.put(soon);
    ledger.decided(soon, { host: 'h-0', epoch: 1 });
    const { freeCpus, freeMemoryBytes } = ledger.roomBefore(mine, asked(mine))?.columns ?? {};
    expect([freeCpus?.[0], freeMemoryBytes?.[0]]).toEqual([12, 62 * GIB]);
    world.hosts.drop({ name: 'h-0' });
    expect(ledger.roomBefore(mine, asked(mine))).toBeUndefined();
  });
});
