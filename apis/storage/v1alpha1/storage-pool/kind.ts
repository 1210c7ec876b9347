import type { KindDefinition } from '../../../meta/kind.ts';
import { StoragePoolFields } from './schema.ts';

export const StoragePoolKind = {
  group: 'storage.lenticular.dev',
  version: 'v1alpha1',
  kind: 'StoragePool',
  plural: 'storagepools',
  singular: 'storagepool',
  shortNames: ['pool', 'pools'],
  categories: ['lenticular'],
  scope: 'Cluster',
  origin: 'ours',
  description: 'A storage pool is a place that keeps the bytes of volumes, through its driver.',
  fields: StoragePoolFields,
  statusSubresource: true,
  generations: true,
  protectedBy: 'spec.protected',
  rules: [
    {
      at: 'spec.scope',
      rule: '(has(self.zone) ? 1 : 0) + (has(self.pod) ? 1 : 0) + (has(self.host) ? 1 : 0) == 1',
      message: 'give exactly one of zone, pod and host',
    },
    { at: 'spec', rule: 'self.scope == oldSelf.scope', message: 'scope is immutable: make another pool', fieldPath: '.scope' },
  ],
  selectableFields: ['spec.driver.name'],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether all is as declared.',
    },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', description: 'Why.' },
    { name: 'Driver', type: 'string', jsonPath: '.spec.driver.name', description: 'The driver that keeps disks in it.' },
    { name: 'Capacity', type: 'string', jsonPath: '.status.capacity', description: 'What the pool holds.' },
    { name: 'Provisioned', type: 'string', jsonPath: '.status.provisioned', description: 'What was promised to volumes.' },
    {
      name: 'Full',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Full")].status',
      description: 'Whether it is over its threshold.',
    },
    { name: 'Used', type: 'string', jsonPath: '.status.used', description: 'What is taken of it.', priority: 1 },
    { name: 'Allocation', type: 'string', jsonPath: '.spec.allocation', description: 'Whether new disks may land here.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
