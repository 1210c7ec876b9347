import type { KindDefinition } from '../../../meta/kind.ts';
import { ZoneFields } from './schema.ts';

export const ZoneKind = {
  group: 'infra.lenticular.dev',
  version: 'v1alpha1',
  kind: 'Zone',
  plural: 'zones',
  singular: 'zone',
  shortNames: [],
  categories: ['lenticular'],
  scope: 'Cluster',
  origin: 'ours',
  description: 'A zone is a part of the cloud that is led by one controller at a time: usually a site.',
  fields: ZoneFields,
  statusSubresource: true,
  generations: true,
  protectedBy: 'spec.protected',
  rules: [],
  selectableFields: [],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether all is as declared.',
    },
    { name: 'Racks', type: 'integer', jsonPath: '.status.counts.pods', description: 'Pods (racks) in the zone.' },
    { name: 'Hosts', type: 'integer', jsonPath: '.status.counts.hosts', description: 'Hosts in the zone.' },
    { name: 'VMs', type: 'integer', jsonPath: '.status.counts.virtualMachines', description: 'Virtual machines placed here.' },
    { name: 'Allocation', type: 'string', jsonPath: '.spec.allocation', description: 'Whether new work may land here.', priority: 1 },
    { name: 'CPUs', type: 'integer', jsonPath: '.status.allocatable.cpus', description: 'CPUs that may be given out.', priority: 1 },
    { name: 'Memory', type: 'string', jsonPath: '.status.allocatable.memory', description: 'Memory that may be given out.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
