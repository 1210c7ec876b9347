import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ObjectKey } from '../../client/client.ts';
import type { View, ViewChange } from '../../client/view.ts';
import type { Endpoint } from './switchboard.ts';
import type { Plan } from './plan.ts';
import type { Visit } from './visit.ts';

/** Who decides in this round, for the fence of driver calls (drivers/contract/fence.ts). */
export interface Authority {
  /** Uid of the namespace `lenticular-system`: stable for the life of the data. */
  readonly installation: string;
  readonly incarnation: number;
  readonly shard: string;
  /** Changes of the shard's leader. */
  readonly epoch: number;
  /** The way of the round's calls to devices; absent: their number is not limited. */
  readonly visit?: Visit;
}

/** What a round is given beside the object. */
export interface Round {
  readonly authority: Authority;
  /** `<uid>.<generation>` of the object. */
  readonly trace: string;
  /** Throws once this process may no longer be the leader: to be asked right before what only the leader may do while it looks. */
  readonly check: () => void;
  /** The last step that a driver refused for good, in this generation of the object: a fact for the planner. */
  readonly refused?: Refusal;
}

/** A step that cannot work as asked until a person changes something. */
export interface Refusal {
  readonly step: string;
  /** The driver's reason, for example `CONFIG_INVALID`. */
  readonly reason: string;
  /** One sentence for people. */
  readonly message: string;
}

/** Another kind whose changes make objects of this controller worth a look. */
export interface Trigger {
  readonly kind: KindDefinition;
  /** Whether a change can matter to any object of the controller; every change does where it is absent. */
  readonly matters?: (change: ViewChange<ApiObject>) => boolean;
  /** How long the news may wait, so that many changes make one round; none: it is worth a look at once. */
  readonly afterMs?: number;
  /** Keys of the controller's objects that depend on this one. */
  keysOf(object: ApiObject): readonly ObjectKey[];
}

/** One kind's controller: facts, a pure plan, and the steps' effects. Deciding is `plan`'s alone. */
export interface Controller<O extends ApiObject, Facts, Step extends { readonly do: string }, Status> {
  readonly kind: KindDefinition;
  /** A qualified name, for example `storage.lenticular.dev/disk`. */
  readonly finalizer: string;
  readonly triggers: readonly Trigger[];
  /** Calls `wake` for objects that are worth a look for a reason of the controller's own; returns how to stop. */
  readonly follow?: (wake: (key: ObjectKey) => void) => () => void;
  /** The shard whose leader decides about the object now: a zone's name, or `global`. */
  shardOf(object: O): string;
  /** The device that the round will talk to, for its budget; undefined: none. */
  endpointOf(object: O): Endpoint | undefined;
  /** Gathers facts from views and drivers. A device that does not answer is a fact (unknown), not an error. */
  observe(object: O, round: Round, signal: AbortSignal): Promise<Facts>;
  plan(object: O, facts: Facts): Plan<Step, Status>;
  /** Performs one step on the published object. DriverErrors pass through; the runtime reads their recovery. */
  take(step: Step, object: O, round: Round, signal: AbortSignal): Promise<void>;
}

/** Views of the kinds that controllers look at, by kind. */
export interface Views {
  of<O extends ApiObject>(kind: KindDefinition): View<O>;
}

/** A controller of any kind, as the runtime keeps it. */
export type AnyController = Controller<ApiObject, unknown, { readonly do: string }, unknown>;
