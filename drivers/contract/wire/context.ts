import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CallContext as CallContextPb,
  Fence as FencePb,
  MutationContext as MutationContextPb,
  Owner as OwnerPb,
} from '../gen/lenticular/driver/v1alpha1/context_pb.js';
import type { FenceSchema, MutationContextSchema } from '../gen/lenticular/driver/v1alpha1/context_pb.js';
import type { Adoption, CallContext, Fence, MutationContext, Owner } from '../fence.ts';
import { narrow, present, wide } from './scalar.ts';

/** A fence as it travels. */
export function fenceTo(fence: Fence): MessageInitShape<typeof FenceSchema> {
  return {
    installation: fence.installation,
    shard: fence.shard,
    incarnation: wide(fence.incarnation),
    epoch: wide(fence.epoch),
    generation: wide(fence.generation),
    placementEpoch: wide(fence.placementEpoch),
  };
}

/** A fence that arrived; rejects one that is missing or beyond 2^53. */
export function fenceFrom(message: FencePb | undefined): Fence {
  const fence = present('fence', message);
  return {
    installation: fence.installation,
    shard: fence.shard,
    incarnation: narrow(fence.incarnation),
    epoch: narrow(fence.epoch),
    generation: narrow(fence.generation),
    placementEpoch: narrow(fence.placementEpoch),
  };
}

/** The context of a call that arrived. */
export function callFrom(message: CallContextPb | undefined): CallContext {
  const { session, trace } = present('context', message);
  return { session, trace };
}

/** The context of a call as it travels. */
export function callTo({ session, trace }: CallContext): { session: string; trace: string } {
  return { session, trace };
}

/** The context of a mutating call as it travels. */
export function mutationTo(context: MutationContext): MessageInitShape<typeof MutationContextSchema> {
  return { session: context.session, trace: context.trace, fence: fenceTo(context.fence), cause: context.cause };
}

/** The context of a mutating call that arrived; rejects one without a fence. */
export function mutationFrom(message: MutationContextPb | undefined): MutationContext {
  const { session, trace, fence, cause } = present('context', message);
  return { session, trace, cause, fence: fenceFrom(fence) };
}

/** An owner's tag as it travels: its own fields and no others. */
export function ownerTo({ installation, kind, namespace, name, uid }: Owner): Owner {
  return { installation, kind, namespace, name, uid };
}

/** An owner's tag that arrived; rejects a missing one. */
export function ownerFrom(message: OwnerPb | undefined): Owner {
  return ownerTo(present('owner', message));
}

/** An adoption as it travels. */
export function adoptionTo(context: MutationContext, { id, owner, from }: Adoption) {
  return { context: mutationTo(context), id, owner: ownerTo(owner), from };
}

/** An adoption that arrived; rejects one without a fence or an owner. */
export function adoptionFrom(message: {
  readonly context?: MutationContextPb | undefined;
  readonly id: string;
  readonly owner?: OwnerPb | undefined;
  readonly from: string;
}): [MutationContext, Adoption] {
  return [mutationFrom(message.context), { id: message.id, owner: ownerFrom(message.owner), from: message.from }];
}
