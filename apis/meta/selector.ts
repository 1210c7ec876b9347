import { z } from 'zod';
import { boundedMap } from './bounded-map.ts';

const LabelMap = boundedMap(z.string().max(63), { maxKeyLength: 317, maxProperties: 64 });

/** metav1.LabelSelector. An empty one selects everything. */
export const LabelSelector = z.strictObject({
  matchLabels: LabelMap.exactOptional().describe('Labels that must have these values.'),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string().min(1).max(317).describe('The label.'),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How it is compared.'),
        values: z.array(z.string().max(63)).max(64).exactOptional().describe('The values, for In and NotIn.'),
      }),
    )
    .max(32)
    .exactOptional()
    .describe('Conditions that must all hold.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
});

export type LabelSelector = z.output<typeof LabelSelector>;

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

function expressionHolds({ key, operator, values = [] }: Expression, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether labels satisfy a selector. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {});
  return (
    wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    (selector.matchExpressions ?? []).every((expression) => expressionHolds(expression, labels))
  );
}
