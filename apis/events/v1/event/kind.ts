import { z } from 'zod';
import type { KindDefinition } from '../../../meta/kind.ts';

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

export const EventV1Fields = z.strictObject({
  regarding: ObjectReference.exactOptional().describe('What the event is about.'),
  related: ObjectReference.exactOptional().describe('A second object, for more complex actions.'),
  reason: z.string().max(128).default('').describe('Why, as one word.'),
  note: z.string().max(1024).default('').describe('Why, as a sentence.'),
  type: z.string().max(63).default('Normal').describe('Normal or Warning.'),
  action: z.string().max(128).default('').describe('What was done.'),
  eventTime: Time.default(null).describe('When it happened first, to the microsecond.'),
  series: z
    .strictObject({
      count: z.int().min(0).describe('How often it happened.'),
      lastObservedTime: z.string().max(40).describe('When it happened last.').meta({ format: 'date-time' }),
    })
    .exactOptional()
    .describe('How often it went on.'),
  reportingController: z.string().max(253).default('').describe('Who reports.'),
  reportingInstance: z.string().max(253).default('').describe('Which process of it.'),
  deprecatedSource: z
    .strictObject({
      component: z.string().max(253).exactOptional().describe('Who reports.'),
      host: z.string().max(253).exactOptional().describe('From where.'),
    })
    .exactOptional()
    .describe('As in core/v1.'),
  deprecatedFirstTimestamp: Time.exactOptional().describe('As in core/v1.'),
  deprecatedLastTimestamp: Time.exactOptional().describe('As in core/v1.'),
  deprecatedCount: z.int().min(0).exactOptional().describe('As in core/v1.'),
});

type Fields = Readonly<Record<string, unknown>>;

/** Renames fields of an object; what is not named stays. */
function rename(object: Fields, names: readonly (readonly [from: string, to: string])[]): Fields {
  const renamed = new Map(names);
  return Object.fromEntries(Object.entries(object).map(([field, value]) => [renamed.get(field) ?? field, value]));
}

const CORE_TO_V1 = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const;

function part(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined;
}

function textPart(value: unknown, name: string): string {
  const found = part(value, name);
  return typeof found === 'string' ? found : '';
}

/** Newer clients give eventTime and series only, older ones the two timestamps. */
function lastSeen(event: Fields): unknown {
  return part(event.series, 'lastObservedTime') ?? event.deprecatedLastTimestamp ?? event.eventTime ?? event.deprecatedFirstTimestamp;
}

export const EventV1Kind = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  scope: 'Namespaced',
  origin: 'kubernetes',
  description: 'An event tells what happened to an object. The same objects as core/v1 Events, in the newer shape.',
  fields: EventV1Fields,
  statusSubresource: false,
  generations: false,
  expiresAfterSeconds: 3600,
  storedAs: {
    group: '',
    plural: 'events',
    toStored: (object) => ({
      involvedObject: {},
      ...rename(
        object,
        CORE_TO_V1.map(([core, v1]) => [v1, core]),
      ),
      apiVersion: 'v1',
    }),
    fromStored: (object) => ({ ...rename(object, CORE_TO_V1), apiVersion: 'events.k8s.io/v1' }),
  },
  rules: [],
  selectableFields: ['regarding.kind', 'regarding.namespace', 'regarding.name', 'regarding.uid', 'reason', 'reportingController', 'type'],
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.deprecatedLastTimestamp', cell: lastSeen, description: 'When it happened last.' },
    { name: 'Type', type: 'string', jsonPath: '.type', description: 'Normal or Warning.' },
    { name: 'Reason', type: 'string', jsonPath: '.reason', description: 'Why, as one word.' },
    {
      name: 'Object',
      type: 'string',
      jsonPath: '.regarding',
      cell: ({ regarding }) => `${textPart(regarding, 'kind').toLowerCase()}/${textPart(regarding, 'name')}`,
      description: 'Which object it is about.',
    },
    { name: 'Message', type: 'string', jsonPath: '.note', description: 'Why, as a sentence.' },
    { name: 'Name', type: 'string', jsonPath: '.metadata.name', description: 'The name of the event.', priority: 1 },
  ],
} as const satisfies KindDefinition;
