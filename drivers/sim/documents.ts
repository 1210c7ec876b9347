import type { Fence, Owner } from '../contract/fence.ts';
import type { SeenObject, SeenShard } from '../contract/fence-check.ts';
import { passObject, passShard } from '../contract/fence-check.ts';
import type { MachineSpec, StopCause } from '../contract/machine.ts';
import type { HostConfig, PoolConfig } from './config.ts';
import type { World } from './world.ts';

/** A host of the world. */
export interface HostDoc {
  readonly uid: string;
  readonly name: string;
  readonly hostId: string;
  readonly bootId: string;
  readonly config: HostConfig;
  /** Without power: it runs nothing and answers nothing. */
  readonly off?: true;
  /** The newest token that came back: when it was given out, after how many that had come back, and for how long; 0: it ended the lease. */
  readonly lease?: { readonly issuedMs: number; readonly after: number; readonly durationMs: number };
}

/** A pool of the world. */
export interface PoolDoc {
  readonly uid: string;
  readonly name: string;
  readonly poolId: string;
  readonly config: PoolConfig;
}

/** What a machine is made of: a description without its tag. */
export type Description = Omit<MachineSpec, 'owner'>;

/** A machine of the world; what time does to it is worked out when it is read (`settled`). */
export interface MachineDoc {
  readonly id: string;
  readonly name: string;
  readonly owner?: Owner;
  readonly released: boolean;
  readonly description: Description;
  /** What it runs with; absent while it stands still. */
  readonly active?: Description;
  /** When the guest has addresses and hears a shutdown. */
  readonly bootedMs: number;
  /** A stop that has begun. */
  readonly stop?: { readonly beganMs: number; readonly endsMs: number; readonly cause: StopCause };
  readonly lastCause: StopCause;
  readonly drift: readonly string[];
  readonly seen: SeenObject;
}

/** A disk of the world; it exists for others from `readyMs` on. */
export interface DiskDoc {
  readonly id: string;
  readonly name: string;
  readonly owner?: Owner;
  readonly released: boolean;
  readonly sizeBytes: number;
  readonly actualSizeBytes: number;
  readonly publishedTo: readonly string[];
  readonly readyMs: number;
  readonly seen: SeenObject;
}

/** Work on a disk: its progress follows from the times. */
export interface OperationDoc {
  readonly id: string;
  readonly uid: string;
  /** What was asked, to know a repeated id from a reused one. */
  readonly asked: string;
  readonly bytes: number;
  readonly startedMs: number;
  readonly endsMs: number;
  readonly cancelled: boolean;
}

/** What is left of something deleted. */
export interface TombstoneDoc extends SeenObject {
  readonly atMs: number;
}

export const hostDoc = (world: World, uid: string): HostDoc | undefined => world.get('endpoints', 'machine', uid) as HostDoc | undefined;
export const poolDoc = (world: World, uid: string): PoolDoc | undefined => world.get('endpoints', 'disk', uid) as PoolDoc | undefined;
export const hostDocs = (world: World): readonly HostDoc[] => world.list('endpoints', 'machine') as readonly HostDoc[];
export const machineDoc = (world: World, host: string, uid: string): MachineDoc | undefined =>
  world.get('machines', host, uid) as MachineDoc | undefined;
export const machineDocs = (world: World, host: string): readonly MachineDoc[] => world.list('machines', host) as readonly MachineDoc[];
export const diskDoc = (world: World, pool: string, uid: string): DiskDoc | undefined =>
  world.get('disks', pool, uid) as DiskDoc | undefined;
export const diskDocs = (world: World, pool: string): readonly DiskDoc[] => world.list('disks', pool) as readonly DiskDoc[];
export const tombstone = (world: World, place: string, uid: string): TombstoneDoc | undefined =>
  world.get('tombstones', place, uid) as TombstoneDoc | undefined;
export const operationDoc = (world: World, pool: string, id: string): OperationDoc | undefined =>
  world.get('operations', pool, id) as OperationDoc | undefined;
export const operationDocs = (world: World, pool: string): readonly OperationDoc[] =>
  world.list('operations', pool) as readonly OperationDoc[];

/** Refuses an old leader, and remembers a newer one. */
export function passLeader(world: World, fence: Fence): void {
  const seen = world.get('shards', fence.installation, fence.shard) as SeenShard | undefined;
  const next = passShard(fence, seen);
  if (next.incarnation !== seen?.incarnation || next.epoch !== seen.epoch) world.put('shards', fence.installation, fence.shard, next);
}

/** Refuses an old decision of an object about something that is not its own (`served`), and remembers a newer one. */
export function passServed(world: World, place: string, uid: string, trace: string, fence: Fence): void {
  const key = `${uid} ${trace.split('.')[0] ?? ''}`;
  const next = passObject(fence, world.get('served', place, key) as SeenObject | undefined);
  world.put('served', place, key, next);
}

/** Uids of the hosts without power. */
export function hostsOff(world: World): readonly string[] {
  // The planner would read all hosts.
  const sql = "SELECT uid FROM endpoints INDEXED BY hosts_off WHERE category = 'machine' AND json_extract(doc, '$.off') = 1";
  return world.rows(sql).map(({ uid }) => String(uid));
}
