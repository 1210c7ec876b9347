import { celEnv, celFunc, celMap, celMethod, CelScalar, isCelError, mapType, parse, plan, type CelInput, type CelMap } from '@bufbuild/cel';
import type { StatusCause } from '../../apis/meta/api-error.ts';
import type { CelRule } from '../../apis/meta/kind.ts';
import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, sameJson, valueAt } from '../registry/json.ts';
import { invalidValue } from './causes.ts';
import { nanosOf } from './exact-quantity.ts';

/** The rules of one kind, ready to run. */
export interface CompiledRules {
  /** What is wrong with an object's fields; `before` is the old ones on an update, and a rule of one moment is not asked again of what is as it was. */
  check(fields: unknown, before: unknown): readonly StatusCause[];
}

const { STRING, INT, BOOL, DYN } = CelScalar;

/** A quantity as CEL sees it: a map that nothing else makes, with the exact amount in thousand-millionths. */
const QUANTITY = mapType(STRING, INT);

function quantity(text: string): CelMap {
  const nanos = nanosOf(text);
  if (nanos === undefined) throw new RangeError(`not a quantity: ${text}`);
  return celMap(new Map([['nanos', nanos]]));
}

function nanos(value: CelMap): bigint {
  const amount = value.get('nanos');
  if (typeof amount !== 'bigint') throw new RangeError('not a quantity');
  return amount;
}

function compare(left: CelMap, right: CelMap): bigint {
  const [a, b] = [nanos(left), nanos(right)];
  return a < b ? -1n : a > b ? 1n : 0n;
}

const FUNCTIONS = [
  celFunc('quantity', [STRING], QUANTITY, quantity),
  celFunc('isQuantity', [STRING], BOOL, (text) => nanosOf(text) !== undefined),
  celMethod('compareTo', QUANTITY, [QUANTITY], INT, function (other) {
    return compare(this, other);
  }),
  celMethod('isLessThan', QUANTITY, [QUANTITY], BOOL, function (other) {
    return compare(this, other) < 0n;
  }),
  celMethod('isGreaterThan', QUANTITY, [QUANTITY], BOOL, function (other) {
    return compare(this, other) > 0n;
  }),
];

/** A JSON value as CEL takes it: whole numbers are ints where the schema does not say `number`. */
function celInput(value: unknown, schema: StructuralSchema | undefined): CelInput {
  if (isList(value)) return value.map((item) => celInput(item, schema?.items));
  if (isObject(value)) {
    const below = (field: string): StructuralSchema | undefined => schema?.properties?.[field] ?? schema?.additionalProperties;
    return new Map(Object.entries(value).map(([field, part]) => [field, celInput(part, below(field))]));
  }
  if (typeof value === 'number') return schema?.type !== 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

function schemaAt(schema: StructuralSchema, path: string): StructuralSchema | undefined {
  return path
    .split('.')
    .filter((field) => field !== '')
    .reduce<StructuralSchema | undefined>((node, field) => node?.properties?.[field], schema);
}

/** Compiles the rules of a kind; throws where one is not CEL. */
export function compileRules(rules: readonly CelRule[], schema: StructuralSchema): CompiledRules {
  const env = celEnv({ variables: { self: DYN, oldSelf: DYN }, funcs: FUNCTIONS });
  const compiled = rules.map((rule) => ({
    ...rule,
    holds: plan(env, parse(rule.rule)),
    overTime: /\boldSelf\b/.test(rule.rule),
    node: schemaAt(schema, rule.at),
  }));
  return {
    check(fields, before) {
      // Most rules of a kind are about the same object.
      const inputs = new Map<object, CelInput>();
      const input = (value: unknown, node: StructuralSchema | undefined): CelInput => {
        if (!isObject(value)) return celInput(value, node);
        const known = inputs.get(value) ?? celInput(value, node);
        inputs.set(value, known);
        return known;
      };
      return compiled.flatMap(({ at, fieldPath = '', message, holds, overTime, node }) => {
        const self = valueAt(fields, at);
        const oldSelf = valueAt(before, at);
        if (self === undefined || (overTime && oldSelf === undefined)) return [];
        if (!overTime && oldSelf !== undefined && sameJson(self, oldSelf)) return [];
        const result = holds({ self: input(self, node), oldSelf: overTime ? input(oldSelf, node) : null });
        if (result === true) return [];
        const because = isCelError(result) ? `the rule could not be evaluated: ${message}` : message;
        return [invalidValue(`${at}${fieldPath}`, valueAt(self, fieldPath) ?? self, because)];
      });
    },
  };
}
