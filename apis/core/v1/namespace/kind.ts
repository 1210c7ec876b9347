import { z } from 'zod';
import type { KindDefinition } from '../../../meta/kind.ts';
import type { ObjectOf } from '../../../meta/object.ts';

export const NamespaceFields = z.strictObject({
  spec: z
    .strictObject({
      finalizers: z.array(z.string().max(253)).max(16).default(['kubernetes']).describe('What must be done before it goes.'),
    })
    .prefault({})
    .describe('What is declared.'),
  status: z
    .strictObject({
      phase: z.enum(['Active', 'Terminating']).default('Active').describe('Terminating while its content is being deleted.'),
      conditions: z
        .array(
          z.strictObject({
            type: z.string().max(316).describe('What the condition is about.'),
            status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
            reason: z.string().max(1024).exactOptional().describe('Why, as one word.'),
            message: z.string().max(32_768).exactOptional().describe('Why, as a sentence.'),
            lastTransitionTime: z.string().max(40).exactOptional().describe('Since when.').meta({ format: 'date-time' }),
          }),
        )
        .max(16)
        .exactOptional()
        .describe('What keeps it from going.')
        .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
    })
    .prefault({})
    .describe('What was observed.'),
});

export type Namespace = ObjectOf<z.output<typeof NamespaceFields>>;

export const NamespaceKind = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  scope: 'Cluster',
  origin: 'kubernetes',
  description: 'A namespace is a scope for names.',
  fields: NamespaceFields,
  statusSubresource: true,
  generations: false,
  rules: [],
  selectableFields: ['status.phase'],
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Active or Terminating.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
