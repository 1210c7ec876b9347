import type { KindDefinition } from '../../../meta/kind.ts';
import { QueueFields } from './schema.ts';

export const QueueKind = {
  group: 'ops.lenticular.dev',
  version: 'v1alpha1',
  kind: 'Queue',
  plural: 'queues',
  singular: 'queue',
  shortNames: [],
  categories: [],
  scope: 'Cluster',
  origin: 'computed',
  description:
    'A queue holds the objects of one kind in one shard that are worked on, are to be, or wait. It is computed when it is asked for.',
  fields: QueueFields,
  statusSubresource: false,
  generations: false,
  rules: [],
  selectableFields: [],
  columns: [
    { name: 'Shard', type: 'string', jsonPath: '.status.shard', description: 'The zone, or global.' },
    { name: 'Kind', type: 'string', jsonPath: '.status.kind', description: 'The kind of the objects.' },
    { name: 'Depth', type: 'integer', jsonPath: '.status.depth', description: 'Ready to be worked on.' },
    { name: 'Oldest', type: 'string', jsonPath: '.status.oldest', description: 'How long the oldest has been ready.' },
    { name: 'InFlight', type: 'integer', jsonPath: '.status.inFlight', description: 'Worked on now.' },
    { name: 'Parked', type: 'integer', jsonPath: '.status.parked', description: 'Waiting for something.' },
    { name: 'Done', type: 'integer', jsonPath: '.status.done', description: 'Rounds of work that have ended.' },
    { name: 'Failed', type: 'integer', jsonPath: '.status.failed', description: 'Rounds of work that have failed.' },
    { name: 'Settled', type: 'integer', jsonPath: '.status.settled', description: 'As declared.', priority: 1 },
    { name: 'Rate', type: 'integer', jsonPath: '.status.perMinute', description: 'Rounds in the last minute.', priority: 1 },
    { name: 'Paused', type: 'string', jsonPath: '.status.paused', description: 'Why no work begins.', priority: 1 },
    { name: 'Leader', type: 'string', jsonPath: '.status.leader', description: 'Who works on it.', priority: 1 },
  ],
} as const satisfies KindDefinition;
