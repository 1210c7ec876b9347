import { HostFields } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { HostObservation } from '../../drivers/contract/driver.ts';
import type { Owner } from '../../drivers/contract/fence.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { HostFacts, PlacedVm } from './plan-facts.ts';

export const GIB = 2 ** 30;
export const NOW = '2026-01-01T00:00:00Z';

/** A host as declared, changed by what a test says. */
export function host(spec: object = {}, more: { readonly deleting?: boolean; readonly status?: Partial<Host['status']> } = {}): Host {
  const fields = HostFields.parse({ spec: { pod: 'rack-1', driver: { name: 'sim' }, ...spec } });
  const metadata = { name: 'host-1', uid: 'h-1', resourceVersion: '1', generation: 1, creationTimestamp: NOW };
  return {
    ...{ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Host', spec: fields.spec, status: { ...fields.status, ...more.status } },
    metadata: more.deleting === true ? { ...metadata, deletionTimestamp: NOW } : metadata,
  };
}

export const owner: Owner = { installation: 'us', kind: 'VirtualMachine', namespace: 'default', name: 'vm-1', uid: 'm-1' };

/** A running machine of that id, nobody's unless a test says whose. */
export function machine(id: string, more: Partial<Machine> = {}): Machine {
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

export const observation: HostObservation = {
  ...{ hostId: 'sim-h-1', bootId: 'b-1', cpus: 16, memoryBytes: 64 * GIB, storageBytes: 0, facts: { engine: 'sim' } },
  machines: [machine('m-1', { owner })],
};
const info = { name: 'sim', version: '1.0', instance: 'i-1', contractVersions: [], categories: [] };

/** Its driver's answer. */
export function seen(more: Partial<HostObservation> = {}): Pick<HostFacts, 'device'> {
  return { device: { known: true, value: { info, capabilities: ['disk-protocol.sim'], observation: { ...observation, ...more } } } };
}

export const failed = (reason: 'DRIVER_UNKNOWN' | 'CONFIG_INVALID' | 'BACKEND', field?: string): Pick<HostFacts, 'device'> => {
  const code = reason === 'BACKEND' ? 'UNAVAILABLE' : 'INVALID_ARGUMENT';
  return { device: { known: false, because: 'must be a number', code, reason, ...(field !== undefined && { field }) } };
};

/** What is known of that host while it answers. */
export function facts(more: Partial<HostFacts> = {}): HostFacts {
  return {
    pod: { cpuPercent: 400, memoryPercent: 100, allocation: 'Enabled' },
    zone: { name: 'zone-1', failover: { mode: 'Automatic', afterSeconds: 30 } },
    ...{
      neighbours: { hosts: 1, silent: 0 },
      besideSilent: false,
      refuge: true,
      placed: [],
      leased: new Set<string>(),
      copies: [],
      claimed: [],
      pools: [],
      storageBytes: 0,
    },
    ...{ installation: 'us', machines: new Set(['m-1']), orphans: new Set<string>() },
    ...seen(),
    ...more,
  };
}

export const vm1: PlacedVm = {
  ...{ uid: 'm-1', name: 'default/vm-1', cpus: 2, memoryBytes: 4 * GIB, storageBytes: 0 },
  ...{ reschedules: true, leaves: false },
};
