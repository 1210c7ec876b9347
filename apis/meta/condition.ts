import { z } from 'zod';

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** metav1.Condition with closed sets of types and reasons. */
export function conditionOf<const Type extends readonly [string, ...string[]], Reason extends z.ZodType<string>>(
  types: Type,
  reason: Reason,
) {
  return z.strictObject({
    type: z.enum(types).describe('What the condition is about.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds; Unknown when nobody can tell now.'),
    reason: reason.describe('Why, as one word for programs.'),
    message: z.string().max(1024).describe('Why, as a sentence for people; names what is waited for.'),
    observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this was decided for.'),
    lastTransitionTime: z.string().max(40).meta({ format: 'date-time' }).describe('Since when the status is what it is.'),
  });
}

/** A list of conditions, keyed by type. */
export function conditionsOf<const Type extends readonly [string, ...string[]], Reason extends z.ZodType<string>>(
  types: Type,
  reason: Reason,
) {
  return z
    .array(conditionOf(types, reason))
    .max(16)
    .describe('What is true of the object now, by type.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });
}

/** The condition of an object that is about `type`, if it is there. */
export function conditionIn<C extends { readonly type: string }>(
  { status }: { readonly status: { readonly conditions: readonly C[] } },
  type: C['type'],
): C | undefined {
  return status.conditions.find((condition) => condition.type === type);
}

/** The condition that every object is born with, so that a missing status is never read as a ready one. */
export const PENDING = {
  conditions: [
    {
      type: 'Ready',
      status: 'Unknown',
      reason: 'Pending',
      message: 'no controller has looked at it yet',
      lastTransitionTime: '1970-01-01T00:00:00Z',
    },
  ],
} as const;
