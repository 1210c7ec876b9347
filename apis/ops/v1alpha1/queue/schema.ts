import { z } from 'zod';
import type { ObjectOf } from '../../../meta/object.ts';

const Count = z.int().min(0);

const ParkedObject = z.strictObject({
  object: z.string().max(320).describe('The object: namespace/name, or its name.'),
  why: z.string().max(1024).describe('What it waits for.'),
  nextTry: z.string().max(40).meta({ format: 'date-time' }).describe('When it is looked at again, if nothing is heard before.'),
  failures: Count.describe('How often in a row its work has failed.'),
});

const Reason = z.strictObject({
  why: z.string().max(1024).describe('What is waited for.'),
  count: Count.describe('How many objects wait for it.'),
});

export const QueueStatus = z.strictObject({
  shard: z.string().max(253).describe('The shard: a zone, or global.'),
  kind: z.string().max(63).describe('The kind of the objects.'),
  leader: z.string().max(253).describe('The controller process that leads the shard.'),
  epoch: Count.describe('How often the leader has changed.'),
  depth: Count.describe('Objects that are ready to be worked on.'),
  oldest: z.string().max(16).describe('How long the oldest of them has been ready.'),
  inFlight: Count.describe('Objects that are worked on now.'),
  parked: Count.describe('Objects that wait for something.'),
  settled: Count.describe('Objects that are as declared, and wait for nothing.'),
  added: Count.describe('How often an object was to be looked at, since the shard is led by this process.'),
  done: Count.describe('Rounds of work that have ended.'),
  failed: Count.describe('Rounds of work that have failed.'),
  retries: Count.describe('Rounds of work that were begun again after a failure.'),
  perMinute: Count.describe('Rounds of work that have ended in the last minute.'),
  workers: Count.describe('Objects that may be worked on at once.'),
  rate: Count.exactOptional().describe('Rounds of work that may begin a second.'),
  paused: z.string().max(253).exactOptional().describe('Why no work begins.'),
  working: z.array(z.string().max(320)).max(100).describe('Objects that are worked on now, the first 100.'),
  reasons: z.array(Reason).max(50).describe('What objects wait for, the most frequent first.'),
  waiting: z.array(ParkedObject).max(100).describe('Objects that wait for something, the first 100: those that have failed come first.'),
});

export const QueueFields = z.strictObject({ status: QueueStatus.describe('What the queue is at the moment of the answer.') });

export type Queue = ObjectOf<z.output<typeof QueueFields>>;
