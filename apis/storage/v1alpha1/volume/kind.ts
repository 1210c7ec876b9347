import type { KindDefinition } from '../../../meta/kind.ts';
import { VolumeFields } from './schema.ts';

function immutable(field: string): { at: string; rule: string; message: string; fieldPath: string } {
  return {
    at: 'spec',
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} is immutable: make another volume`,
    fieldPath: `.${field}`,
  };
}

export const VolumeKind = {
  group: 'storage.lenticular.dev',
  version: 'v1alpha1',
  kind: 'Volume',
  plural: 'volumes',
  singular: 'volume',
  shortNames: ['vol', 'vols'],
  categories: ['lenticular', 'all'],
  scope: 'Namespaced',
  origin: 'ours',
  description: 'A volume is a disk that outlives the virtual machines that use it.',
  fields: VolumeFields,
  statusSubresource: true,
  generations: true,
  protectedBy: 'spec.protected',
  rules: [
    { at: 'spec', rule: 'has(self.storagePool) != has(self.poolSelector)', message: 'give exactly one of storagePool and poolSelector' },
    { at: 'spec.source', rule: 'has(self.image) != has(self.volume)', message: 'give exactly one of image and volume' },
    {
      at: 'spec',
      rule: "quantity(string(self.size)).compareTo(quantity('1Mi')) >= 0",
      message: 'size must be at least 1Mi',
      fieldPath: '.size',
    },
    {
      at: 'spec',
      rule: 'quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0',
      message: 'size may grow, never shrink',
      fieldPath: '.size',
    },
    {
      at: 'spec',
      rule: '!has(self.adopt) || (has(self.storagePool) && !has(self.source))',
      message: 'adopt names a disk of one pool: give storagePool, and no source',
      fieldPath: '.adopt',
    },
    immutable('storagePool'),
    immutable('poolSelector'),
    immutable('source'),
    immutable('adopt'),
  ],
  selectableFields: ['spec.storagePool', 'status.pool'],
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether all is as declared.',
    },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', description: 'Why.' },
    { name: 'Size', type: 'string', jsonPath: '.status.size', description: 'The size that a guest sees.' },
    { name: 'Pool', type: 'string', jsonPath: '.status.pool', description: 'The pool that holds it.' },
    { name: 'VM', type: 'string', jsonPath: '.status.claim.virtualMachine', description: 'The VM that may attach it.' },
    {
      name: 'Attached',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Attached")].status',
      description: 'Whether it is attached.',
      priority: 1,
    },
    { name: 'Actual', type: 'string', jsonPath: '.status.actualSize', description: 'What it takes in the pool.', priority: 1 },
    { name: 'Policy', type: 'string', jsonPath: '.spec.deletionPolicy', description: 'What becomes of the disk on deletion.', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
