import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CallContext as CallContextPb,
  Fence as FencePb,
  MutationContext as MutationContextPb,
  Owner as OwnerPb,
} from '../gen/lenticular/driver/v1alpha1/context_pb.js';
import type { FenceSchema, MutationContextSchema } from '../gen/lenticular/driver/v1alpha1/context_pb.js';
import type { CallContext, Fence, MutationContext, Owner } from '../fence.ts';
import { narrow, present, wide } from './scalar.ts';

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

export function callFrom(message: CallContextPb | undefined): CallContext {
  const { session, trace } = present('context', message);
  return { session, trace };
}

export function callTo({ session, trace }: CallContext): { session: string; trace: string } {
  return { session, trace };
}

export function mutationTo(context: MutationContext): MessageInitShape<typeof MutationContextSchema> {
  return { session: context.session, trace: context.trace, fence: fenceTo(context.fence), cause: context.cause };
}

export function mutationFrom(message: MutationContextPb | undefined): MutationContext {
  const { session, trace, fence, cause } = present('context', message);
  return { session, trace, cause, fence: fenceFrom(fence) };
}

export function ownerTo({ installation, kind, namespace, name, uid }: Owner): Owner {
  return { installation, kind, namespace, name, uid };
}

export function ownerFrom(message: OwnerPb | undefined): Owner {
  return ownerTo(present('owner', message));
}
