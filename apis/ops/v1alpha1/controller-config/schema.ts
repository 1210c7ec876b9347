import { z } from 'zod';
import { ObjectName } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';

/** Kinds that a controller looks after. */
export const ControlledKind = z.enum(['Zone', 'Pod', 'Host', 'StoragePool', 'Volume', 'VirtualMachine']);

const Paused = z.boolean().default(false).describe('While true, no new round of work begins; what is under way ends as it would.');

const KindSettings = z.strictObject({
  name: ControlledKind.describe('The kind.'),
  workers: z
    .int()
    .min(1)
    .max(256)
    .default(32)
    .describe('Objects of the kind that are worked on at once in each shard; those that wait for a device do not count.'),
  rate: z
    .int()
    .min(1)
    .max(10_000)
    .exactOptional()
    .describe('Rounds of work that begin a second in each shard, at most. Absent: as many as the workers do.'),
  paused: Paused,
});

const ShardSettings = z.strictObject({
  name: ObjectName.describe('The shard: the name of a zone, or global.'),
  paused: Paused,
});

const byName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };

export const ControllerConfigSpec = z.strictObject({
  kinds: z
    .array(KindSettings)
    .max(64)
    .default([])
    .describe('How the controllers of some kinds work; others work as by default.')
    .meta(byName),
  shards: z.array(ShardSettings).max(1024).default([]).describe('How some shards are worked on; others are as by default.').meta(byName),
});

export const ControllerConfigFields = z.strictObject({
  spec: ControllerConfigSpec.prefault({}).describe('What is declared. It holds at once, without a restart.'),
});

export type ControllerConfig = ObjectOf<z.output<typeof ControllerConfigFields>>;
