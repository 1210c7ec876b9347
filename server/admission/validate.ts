import type { z } from 'zod';
import type { StatusCause } from '../../apis/meta/api-error.ts';
import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject } from '../registry/json.ts';
import { invalidValue, notSupported, required, wrongType } from './causes.ts';

type Issue = z.core.$ZodIssue;

const TYPE_NAMES: Readonly<Record<string, string>> = { int: 'integer', record: 'object', number: 'number', map: 'object' };

/** A path as errors write it: `spec.disks[0].name`. */
export function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${String(part)}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('');
}

function at(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => {
    if (isList(value) && typeof part === 'number') return value[part];
    return isObject(value) && Object.hasOwn(value, String(part)) ? value[String(part)] : undefined;
  }, root);
}

interface Checked {
  readonly root: unknown;
  readonly schema: StructuralSchema | undefined;
}

/** The type that the structural schema gives a field: zod calls a whole number a number. */
function typeAt(schema: StructuralSchema | undefined, path: readonly PropertyKey[]): string | undefined {
  return path.reduce<StructuralSchema | undefined>((node, part) => {
    return typeof part === 'number' ? node?.items : (node?.properties?.[String(part)] ?? node?.additionalProperties);
  }, schema)?.type;
}

function sizeCause(field: string, value: unknown, issue: Issue & { code: 'too_big' | 'too_small' }): StatusCause {
  const bound = issue.code === 'too_big' ? issue.maximum : issue.minimum;
  const most = issue.code === 'too_big' ? 'at most' : 'at least';
  if (issue.origin === 'string') {
    if (issue.code === 'too_small') return invalidValue(field, value, `must have at least ${String(bound)} characters`);
    return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${String(bound)} characters`, field };
  }
  if (isList(value) && issue.code === 'too_big') {
    return { reason: 'FieldValueTooMany', message: `Too many: ${String(value.length)}: must have at most ${String(bound)} items`, field };
  }
  if (isList(value)) return invalidValue(field, value, `must have ${most} ${String(bound)} items`);
  return invalidValue(field, value, `must be ${most} ${String(bound)}`);
}

function typeCause(field: string, value: unknown, expected: string): StatusCause {
  return value === undefined ? required(field) : wrongType(field, value, TYPE_NAMES[expected] ?? expected);
}

/** Of a union, the branch that got furthest speaks: one that failed on something better than the type. */
function unionCauses(
  { root, schema }: Checked,
  issue: Issue & { code: 'invalid_union' },
  base: readonly PropertyKey[],
): readonly StatusCause[] {
  const path = [...base, ...issue.path];
  const value = at(root, path);
  if (value === undefined) return [required(pathOf(path))];
  const typed = issue.errors.find((branch) => branch.every(({ code, path: below }) => code !== 'invalid_type' || below.length > 0));
  if (typed !== undefined) return typed.flatMap((below) => causesOf({ root, schema }, below, path));
  const expected = issue.errors.flatMap((branch) => branch.flatMap((below) => (below.code === 'invalid_type' ? [below.expected] : [])));
  return [wrongType(pathOf(path), value, [...new Set(expected.map((type) => TYPE_NAMES[type] ?? type))].join(' or '))];
}

function causesOf({ root, schema }: Checked, issue: Issue, base: readonly PropertyKey[] = []): readonly StatusCause[] {
  const path = [...base, ...issue.path];
  const field = pathOf(path);
  const value = at(root, path);
  switch (issue.code) {
    case 'invalid_type':
      return [typeCause(field, value, typeAt(schema, path) ?? issue.expected)];
    case 'invalid_value':
      return [value === undefined ? required(field) : notSupported(field, value, issue.values)];
    case 'too_big':
    case 'too_small':
      return [sizeCause(field, value, issue)];
    case 'unrecognized_keys':
      return issue.keys.map((key) => invalidValue(pathOf([...path, key]), at(root, [...path, key]), 'unknown field'));
    case 'invalid_union':
      return unionCauses({ root, schema }, issue, base);
    case 'invalid_key':
      return issue.issues.map(({ message }) => invalidValue(field, path.at(-1), message));
    default:
      return [invalidValue(field, value, issue.message)];
  }
}

/** What is wrong with a value by its zod schema, in the words of its structural schema: one cause for each field; empty where nothing is. */
export function validate(zod: z.ZodType, value: unknown, schema?: StructuralSchema): readonly StatusCause[] {
  const result = zod.safeParse(value);
  if (result.success) return [];
  const causes = result.error.issues.flatMap((issue) => causesOf({ root: value, schema }, issue));
  const first = new Map(causes.map((cause) => [cause.field, cause] as const).reverse());
  return causes.filter((cause) => first.get(cause.field) === cause);
}
