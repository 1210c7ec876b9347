import { z } from 'zod';
import type { KindDefinition } from '../../../meta/kind.ts';
import type { ObjectOf } from '../../../meta/object.ts';

const Time = z.string().max(40).meta({ format: 'date-time', nullable: true }).nullable();

const ObjectReference = z.strictObject({
  apiVersion: z.string().max(316).exactOptional().describe('Its apiVersion.'),
  kind: z.string().max(63).exactOptional().describe('Its kind.'),
  namespace: z.string().max(63).exactOptional().describe('Its namespace.'),
  name: z.string().max(253).exactOptional().describe('Its name.'),
  uid: z.string().max(64).exactOptional().describe('Its uid.'),
  resourceVersion: z.string().max(64).exactOptional().describe('Its version.'),
  fieldPath: z.string().max(253).exactOptional().describe('The part that is meant.'),
});

export const EventFields = z.strictObject({
  involvedObject: ObjectReference.describe('What the event is about.'),
  related: ObjectReference.exactOptional().describe('A second object, for more complex actions.'),
  reason: z.string().max(128).default('').describe('Why, as one word.'),
  message: z.string().max(1024).default('').describe('Why, as a sentence.'),
  type: z.string().max(63).default('Normal').describe('Normal or Warning.'),
  action: z.string().max(128).exactOptional().describe('What was done.'),
  count: z.int().min(0).exactOptional().describe('How often it happened.'),
  firstTimestamp: Time.default(null).describe('When it happened first.'),
  lastTimestamp: Time.default(null).describe('When it happened last.'),
  eventTime: Time.default(null).describe('When it happened first, to the microsecond.'),
  series: z
    .strictObject({
      count: z.int().min(0).describe('How often it happened.'),
      lastObservedTime: z.string().max(40).describe('When it happened last.').meta({ format: 'date-time' }),
    })
    .exactOptional()
    .describe('How often it went on.'),
  source: z
    .strictObject({
      component: z.string().max(253).exactOptional().describe('Who reports.'),
      host: z.string().max(253).exactOptional().describe('From where.'),
    })
    .prefault({})
    .describe('Who reports.'),
  reportingComponent: z.string().max(253).default('').describe('Who reports.'),
  reportingInstance: z.string().max(253).default('').describe('Which process of it.'),
});

export type Event = ObjectOf<z.output<typeof EventFields>>;

type Fields = Readonly<Record<string, unknown>>;

function part(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined;
}

function textPart(value: unknown, name: string): string {
  const found = part(value, name);
  return typeof found === 'string' ? found : '';
}

/** Newer clients give eventTime and series only, older ones the two timestamps. */
function lastSeen(event: Fields): unknown {
  return part(event.series, 'lastObservedTime') ?? event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp;
}

function source(event: Fields): string {
  const component = textPart(event.source, 'component') || textPart(event, 'reportingComponent');
  return [component, textPart(event.source, 'host')].filter((text) => text !== '').join(', ');
}

export const EventKind = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  scope: 'Namespaced',
  origin: 'kubernetes',
  description: 'An event tells what happened to an object. Events go an hour after their last change.',
  fields: EventFields,
  statusSubresource: false,
  generations: false,
  expiresAfterSeconds: 3600,
  rules: [],
  selectableFields: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.lastTimestamp', cell: lastSeen, description: 'When it happened last.' },
    { name: 'Type', type: 'string', jsonPath: '.type', description: 'Normal or Warning.' },
    { name: 'Reason', type: 'string', jsonPath: '.reason', description: 'Why, as one word.' },
    {
      name: 'Object',
      type: 'string',
      jsonPath: '.involvedObject',
      cell: ({ involvedObject }) => `${textPart(involvedObject, 'kind').toLowerCase()}/${textPart(involvedObject, 'name')}`,
      description: 'Which object it is about.',
    },
    { name: 'Subobject', type: 'string', jsonPath: '.involvedObject.fieldPath', description: 'Which part of it.', priority: 1 },
    { name: 'Source', type: 'string', jsonPath: '.source', cell: source, description: 'Who reports, from where.', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.message', description: 'Why, as a sentence.' },
    {
      name: 'First Seen',
      type: 'date',
      jsonPath: '.firstTimestamp',
      cell: ({ firstTimestamp, eventTime }) => firstTimestamp ?? eventTime,
      description: 'When it happened first.',
      priority: 1,
    },
    {
      name: 'Count',
      type: 'integer',
      jsonPath: '.count',
      cell: ({ series, count }) => part(series, 'count') ?? count ?? 1,
      description: 'How often it happened.',
      priority: 1,
    },
    { name: 'Name', type: 'string', jsonPath: '.metadata.name', description: 'The name of the event.', priority: 1 },
  ],
} as const satisfies KindDefinition;
