import { z } from 'zod';
import type { KindDefinition } from '../../../meta/kind.ts';
import type { ObjectOf } from '../../../meta/object.ts';

export const LeaseFields = z.strictObject({
  spec: z
    .strictObject({
      holderIdentity: z.string().max(253).exactOptional().describe('Who holds it; empty: nobody.'),
      leaseDurationSeconds: z.int().min(1).max(86_400).exactOptional().describe('How long it holds after renewTime.'),
      acquireTime: z.string().max(40).exactOptional().describe('When the holder took it.').meta({ format: 'date-time' }),
      renewTime: z.string().max(40).exactOptional().describe('When the holder last renewed it.').meta({ format: 'date-time' }),
      leaseTransitions: z.int().min(0).exactOptional().describe('How often the holder changed.'),
      strategy: z.string().max(63).exactOptional().describe('How the holder is chosen.'),
      preferredHolder: z.string().max(253).exactOptional().describe('Who shall take it next.'),
    })
    .prefault({})
    .describe('What is declared.'),
});

export type Lease = ObjectOf<z.output<typeof LeaseFields>>;

export const LeaseKind = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  shortNames: [],
  categories: [],
  scope: 'Namespaced',
  origin: 'kubernetes',
  description: 'A lease says who leads, and until when.',
  fields: LeaseFields,
  statusSubresource: false,
  generations: false,
  rules: [],
  selectableFields: [],
  columns: [
    { name: 'Holder', type: 'string', jsonPath: '.spec.holderIdentity', description: 'Who holds it.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
