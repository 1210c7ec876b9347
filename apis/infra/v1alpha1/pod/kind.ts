import type { KindDefinition } from '../../../meta/kind.ts';
import { PodFields } from './schema.ts';

export const PodKind = {
  group: 'infra.lenticular.dev',
  version: 'v1alpha1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['rack', 'racks'],
  categories: ['lenticular'],
  scope: 'Cluster',
  origin: 'ours',
  description: 'A pod (rack) is a homogeneous group of hosts: a migration domain with shared storage and one overcommit.',
  fields: PodFields,
  statusSubresource: true,
  generations: true,
  protectedBy: 'spec.protected',
  rules: [{ at: 'spec', rule: 'self.zone == oldSelf.zone', message: 'zone is immutable: make another pod', fieldPath: '.zone' }],
  selectableFields: ['spec.zone'],
  columns: [
    { name: 'Zone', type: 'string', jsonPath: '.spec.zone', description: 'The zone that it stands in.' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether all is as declared.',
    },
    { name: 'Hosts', type: 'integer', jsonPath: '.status.counts.hosts', description: 'Hosts in the pod.' },
    { name: 'VMs', type: 'integer', jsonPath: '.status.counts.virtualMachines', description: 'Virtual machines placed here.' },
    { name: 'Allocation', type: 'string', jsonPath: '.spec.allocation', description: 'Whether new work may land here.', priority: 1 },
    { name: 'CPUs', type: 'integer', jsonPath: '.status.allocatable.cpus', description: 'CPUs that may be given out.', priority: 1 },
    { name: 'Memory', type: 'string', jsonPath: '.status.allocatable.memory', description: 'Memory that may be given out.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
