import type { KindDefinition } from '../../../meta/kind.ts';
import { HostFields } from './schema.ts';

export const HostKind = {
  group: 'infra.lenticular.dev',
  version: 'v1alpha1',
  kind: 'Host',
  plural: 'hosts',
  singular: 'host',
  shortNames: [],
  categories: ['lenticular'],
  scope: 'Cluster',
  origin: 'ours',
  description: 'A host is one machine that runs virtual machines, through its driver. Its labels are its tags.',
  fields: HostFields,
  statusSubresource: true,
  generations: true,
  rules: [{ at: 'spec', rule: 'self.pod == oldSelf.pod', message: 'pod is immutable: make another host', fieldPath: '.pod' }],
  selectableFields: ['spec.pod', 'spec.driver.name'],
  columns: [
    { name: 'Rack', type: 'string', jsonPath: '.spec.pod', description: 'The pod (rack) that it is in.' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether all is as declared.',
    },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', description: 'Why.' },
    { name: 'Driver', type: 'string', jsonPath: '.spec.driver.name', description: 'The driver that runs machines on it.' },
    { name: 'VMs', type: 'integer', jsonPath: '.status.machines', description: 'Machines of ours on the host.' },
    { name: 'CPUs', type: 'integer', jsonPath: '.status.allocatable.cpus', description: 'CPUs that may be given out.' },
    { name: 'Memory', type: 'string', jsonPath: '.status.allocatable.memory', description: 'Memory that may be given out.' },
    { name: 'Allocation', type: 'string', jsonPath: '.spec.allocation', description: 'Whether new work may land here.', priority: 1 },
    { name: 'Host-ID', type: 'string', jsonPath: '.status.hostId', description: "The driver's id of the machine.", priority: 1 },
    { name: 'Version', type: 'string', jsonPath: '.status.driver.version', description: "The driver's version.", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
