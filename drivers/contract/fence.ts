/** What every mutating call carries; compared in the order of the fields. A driver refuses what is older than the highest it has seen. */
export interface Fence {
  /** Uid of the installation that decides. */
  readonly installation: string;
  /** The zone whose leader decides, or `global`. */
  readonly shard: string;
  /** Grows when the store is restored or migrated. */
  readonly incarnation: number;
  /** Grows with every change of the shard's leader. */
  readonly epoch: number;
  /** metadata.generation of the object that the call serves. */
  readonly generation: number;
  /** Grows with every placement of a VM; 0 for what is never placed. */
  readonly placementEpoch: number;
}

/** The tag on everything that we make: listing gives it back. */
export interface Owner {
  readonly installation: string;
  readonly kind: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Which unmanaged thing is taken in, and for whom. */
export interface Adoption {
  /** The backend's own id of the thing. */
  readonly id: string;
  /** Whose it is from then on: its uid names the thing. */
  readonly owner: Owner;
  /** Uid of the tag that the caller saw on it; empty: it had none. */
  readonly from: string;
}

/** What accompanies each call on a session. Deadline and cancellation travel in the AbortSignal. */
export interface CallContext {
  readonly session: string;
  /** `<uid>.<generation>`: ties logs, events and calls together. */
  readonly trace: string;
}

/** The context of a call that changes the world. */
export interface MutationContext extends CallContext {
  readonly fence: Fence;
  /** The controller's reason, for the log. */
  readonly cause: string;
}
