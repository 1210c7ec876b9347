import type { Adoption, CallContext, MutationContext, Owner } from './fence.ts';

/** How a host reaches a disk's bytes: a protocol that the machine driver must know, and its attributes (a path, an address). */
export interface DiskConnection {
  readonly protocol: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What is true of one disk. */
export interface Disk {
  /** The backend's own id; equals the owner's uid for disks that we made. */
  readonly id: string;
  readonly name: string;
  /** Absent: foreign. */
  readonly owner?: Owner;
  readonly released: boolean;
  /** What a guest sees. */
  readonly sizeBytes: number;
  /** What it takes in the pool. */
  readonly actualSizeBytes: number;
  /** Uids of the hosts it is published to. */
  readonly publishedTo: readonly string[];
  readonly generation: number;
}

/** Disks of one session's pool. Every mutating call is idempotent by the uid in its arguments; the uid of a deleted disk never returns. */
export interface DiskService {
  /** Makes an empty disk of `sizeBytes`. Same uid with another size or owner: ALREADY_EXISTS. */
  ensure(context: MutationContext, disk: { readonly owner: Owner; readonly sizeBytes: number }, signal: AbortSignal): Promise<Disk>;
  /** Begins to fill a new disk from an image of the pool (bare name); operation `operationId`. */
  import(
    context: MutationContext,
    disk: { readonly owner: Owner; readonly sizeBytes: number; readonly image: string; readonly operationId: string },
    signal: AbortSignal,
  ): Promise<Operation>;
  /** Begins to fill a new disk from another disk of the pool; operation `operationId`. */
  clone(
    context: MutationContext,
    disk: { readonly owner: Owner; readonly sizeBytes: number; readonly sourceUid: string; readonly operationId: string },
    signal: AbortSignal,
  ): Promise<Operation>;
  /** Grows a detached disk; a smaller size is FAILED_PRECONDITION/SHRINK_REFUSED, an attached disk IN_USE. */
  expand(context: MutationContext, disk: { readonly uid: string; readonly sizeBytes: number }, signal: AbortSignal): Promise<Disk>;
  /** Removes the bytes and leaves a tombstone. Absent: success. In use or published: FAILED_PRECONDITION/IN_USE. */
  delete(context: MutationContext, uid: string, signal: AbortSignal): Promise<void>;
  /** Hands the disk back to the world as it is. Absent: success. */
  release(context: MutationContext, uid: string, signal: AbortSignal): Promise<void>;
  get(context: CallContext, uid: string, signal: AbortSignal): Promise<Disk | undefined>;
  list(context: CallContext, signal: AbortSignal): Promise<readonly Disk[]>;
  /** Lets one host (its stable host id) reach the disk, and says how. */
  publish(context: MutationContext, disk: { readonly uid: string; readonly hostId: string }, signal: AbortSignal): Promise<DiskConnection>;
  /** Takes that away. Absent: success. FAILED_PRECONDITION/IN_USE while a machine there holds the disk. */
  unpublish(context: MutationContext, disk: { readonly uid: string; readonly hostId: string }, signal: AbortSignal): Promise<void>;
  /**
   * Capability `disk.adopt`: takes in a disk that nobody manages, as it is; its generation is 0, because it follows no decision yet. Repeated:
   * success. Another tag than the caller saw: ALREADY_EXISTS/FOREIGN_OWNER. A machine holds it: FAILED_PRECONDITION/IN_USE. Absent: NOT_FOUND.
   */
  adopt(context: MutationContext, adoption: Adoption, signal: AbortSignal): Promise<Disk>;
}

/** Work longer than a call. Its id comes from the caller; it outlives the driver process. */
export interface Operation {
  readonly id: string;
  /** Uid of the thing it works on. */
  readonly uid: string;
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  /** 0 to 100. */
  readonly percent: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** One sentence, when failed. */
  readonly error?: string;
}

export interface OperationService {
  get(context: CallContext, id: string, signal: AbortSignal): Promise<Operation | undefined>;
  list(context: CallContext, signal: AbortSignal): Promise<readonly Operation[]>;
  /** Stops it and leaves nothing behind. Absent or ended: success. */
  cancel(context: MutationContext, id: string, signal: AbortSignal): Promise<void>;
}
