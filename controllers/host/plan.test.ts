import { HostFields } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { HostObservation } from '../../drivers/contract/driver.ts';
import type { Owner } from '../../drivers/contract/fence.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import { stampConditions } from '../runtime/plan.ts';
import type { HostFacts } from './plan-facts.ts';
import { planHost } from './plan.ts';

const GIB = 2 ** 30;
const NOW = '2026-01-01T00:00:00Z';

function host(spec: object = {}, more: { readonly deleting?: boolean; readonly status?: Partial<Host['status']> } = {}): Host {
  const fields = HostFields.parse({ spec: { pod: 'rack-1', driver: { name: 'sim' }, ...spec } });
  const metadata = { name: 'host-1', uid: 'h-1', resourceVersion: '1', generation: 1, creationTimestamp: NOW };
  return {
    ...{ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Host', spec: fields.spec, status: { ...fields.status, ...more.status } },
    metadata: more.deleting === true ? { ...metadata, deletionTimestamp: NOW } : metadata,
  };
}

const owner: Owner = { installation: 'us', kind: 'VirtualMachine', namespace: 'default', name: 'vm-1', uid: 'm-1' };

function machine(id: string, more: Partial<Machine> = {}): Machine {
  return {
    ...{
      id,
      name: id,
      released: false,
      power: 'running',
      cpus: 1,
      memoryBytes: GIB,
      disks: [],
      interfaces: [],
      pendingChanges: [],
      drift: [],
    },
    ...{ generation: 1, placementEpoch: 1 },
    ...more,
  };
}

const observation: HostObservation = {
  ...{ hostId: 'sim-h-1', bootId: 'b-1', cpus: 16, memoryBytes: 64 * GIB, storageBytes: 0, facts: { engine: 'sim' } },
  machines: [machine('m-1', { owner })],
};
const info = { name: 'sim', version: '1.0', instance: 'i-1', contractVersions: [], categories: [] };

function seen(more: Partial<HostObservation> = {}): Pick<HostFacts, 'device'> {
  return { device: { known: true, value: { info, capabilities: ['disk-protocol.sim'], observation: { ...observation, ...more } } } };
}

const failed = (reason: 'DRIVER_UNKNOWN' | 'CONFIG_INVALID' | 'BACKEND', field?: string): Pick<HostFacts, 'device'> => {
  const code = reason === 'BACKEND' ? 'UNAVAILABLE' : 'INVALID_ARGUMENT';
  return { device: { known: false, because: 'must be a number', code, reason, ...(field !== undefined && { field }) } };
};

function facts(more: Partial<HostFacts> = {}): HostFacts {
  return {
    ...{ pod: { cpuPercent: 400, memoryPercent: 100, allocation: 'Enabled' }, placed: [], claimed: [], pools: [], storageBytes: 0 },
    ...{ installation: 'us', machines: new Set(['m-1']), orphans: new Set<string>() },
    ...seen(),
    ...more,
  };
}

const vm1 = { name: 'default/vm-1', cpus: 2, memoryBytes: 4 * GIB, storageBytes: 0 };
const { pod: _pod, device: _device, ...nobody } = facts();

interface Row {
  readonly why: string;
  readonly have?: Host;
  readonly facts?: HostFacts;
  readonly ready: readonly [status: string, reason: string];
  readonly says?: RegExp;
  readonly stalled?: true;
}

const cordoned = facts({ pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Cordoned' } });

const ROWS: readonly Row[] = [
  { why: 'a host that answers is ready', ready: ['True', 'AsDeclared'] },
  { why: 'a cordoned host is ready, and says so', facts: cordoned, ready: ['True', 'AsDeclared'], says: /^Cordoned: nothing new/ },
  { why: 'a pod that is not there is named', facts: nobody, ready: ['False', 'PodNotFound'], says: /Pod rack-1/ },
  {
    why: 'a driver that nobody has is for a person',
    facts: facts(failed('DRIVER_UNKNOWN')),
    ready: ['False', 'DriverUnknown'],
    says: /driver sim/,
    stalled: true,
  },
  {
    why: 'a wrong configuration names its field',
    facts: facts(failed('CONFIG_INVALID', 'cpus')),
    ready: ['False', 'ConfigInvalid'],
    says: /^spec\.driver\.config\.cpus: must be a number/,
    stalled: true,
  },
  { why: 'ignorance is not absence: a silent host is Unknown', facts: facts(failed('BACKEND')), ready: ['Unknown', 'DriverUnreachable'] },
  {
    why: 'the younger of two objects for one machine is stalled',
    facts: facts({ twin: 'host-0' }),
    ready: ['False', 'DuplicateHost'],
    says: /Host host-0/,
    stalled: true,
  },
  { why: 'a drained host in maintenance is as declared', have: host({ maintenance: true }), ready: ['True', 'InMaintenance'] },
  {
    why: 'maintenance stops no VM: it names what blocks it',
    have: host({ maintenance: true }),
    facts: facts({ placed: [vm1] }),
    ready: ['False', 'MaintenanceBlocked'],
    says: /default\/vm-1/,
  },
  {
    why: 'a host with VMs stays',
    have: host({}, { deleting: true }),
    facts: facts({ placed: [vm1] }),
    ready: ['False', 'InUse'],
    says: /VirtualMachine default\/vm-1/,
  },
  {
    why: 'a host stays until claims for it were seen to fall',
    have: host({}, { deleting: true }),
    facts: facts({ claimed: ['default/data-1'] }),
    ready: ['False', 'InUse'],
    says: /Volume default\/data-1/,
  },
  {
    why: 'a host stays while a pool is on it',
    have: host({}, { deleting: true }),
    facts: facts({ pools: ['p'] }),
    ready: ['False', 'InUse'],
    says: /StoragePool p/,
  },
];

describe('planHost', () => {
  test.each(ROWS)('$why', ({ have = host(), facts: known = facts(), ready, says = /./, stalled }) => {
    const plan = planHost(have, known);
    const [said] = plan.status.conditions;
    expect([said?.status, said?.reason]).toEqual(ready);
    expect(said?.message).toMatch(says);
    expect(plan.status.conditions.some(({ type }) => type === 'Stalled')).toBe(stalled === true);
    expect({ steps: plan.steps, finalizer: plan.finalizer }).toEqual({ steps: [], finalizer: 'hold' });
    expect(
      HostFields.shape.status.parse({ ...plan.status, conditions: [...stampConditions(plan.status.conditions, [], NOW)] }),
    ).toBeDefined();
  });

  test('an empty host that leaves is forgotten, and nothing on it is touched', () => {
    expect(planHost(host({}, { deleting: true }), facts())).toMatchObject({ steps: [{ do: 'forget' }], finalizer: 'release' });
  });

  test('what may be given out is what is left of the reserve, times the overcommit', () => {
    const { status } = planHost(host({ reserved: { cpus: 2, memory: '4Gi' } }), facts({ placed: [vm1] }));
    expect(status.allocatable).toEqual({ cpus: 56, memory: '60Gi', storage: '0' });
    expect(status.allocated).toEqual({ cpus: 2, memory: '4Gi', storage: '0' });
  });

  test('what is not managed is listed with why, in an order that does not write', () => {
    const machines = [
      machine('z-foreign'),
      machine('released', { owner, released: true }),
      machine('other', { owner: { ...owner, installation: 'them' } }),
      machine('m-9', { owner: { ...owner, uid: 'm-9' } }),
      machine('m-1', { owner }),
    ];
    const { status } = planHost(host(), facts(seen({ machines })));
    expect(status.unmanaged?.map(({ id, why }) => `${id}: ${why}`)).toEqual([
      'm-9: orphan',
      'other: foreign',
      'released: released',
      'z-foreign: foreign',
    ]);
    expect(status.machines).toBe(2);
  });

  test('what was seen last is still shown while nobody answers', () => {
    const first = planHost(host(), facts()).status;
    const status = { ...first, conditions: [...stampConditions(first.conditions, [], NOW)] };
    const then = planHost(host({}, { status }), facts(failed('BACKEND'))).status;
    expect(then.capacity).toEqual(first.capacity);
    expect(then.conditions.find(({ type }) => type === 'Reachable')).toMatchObject({ status: 'False', reason: 'NotReachable' });
  });

  test('what is declared and not acted upon says so', () => {
    const { status } = planHost(host({ outOfService: { bootId: 'b', reason: 'burnt' } }), facts());
    expect(status.conditions.find(({ type }) => type === 'Fenced')).toMatchObject({ status: 'False', reason: 'NotSupported' });
  });

  test('a host whose driver leads to another machine keeps its id for as long as something is placed on it', () => {
    const used = host({}, { status: { hostId: 'sim-old' } });
    const { status } = planHost(used, facts({ placed: [vm1] }));
    expect(status.hostId).toBe('sim-old');
    expect(status.conditions[0]).toMatchObject({ status: 'False', reason: 'ConfigInvalid' });
    const free = planHost(used, facts()).status;
    expect([free.hostId, free.conditions[0]?.reason]).toEqual(['sim-h-1', 'AsDeclared']);
  });
});
