import { z } from 'zod';
import { CATALOG } from './catalog.ts';
import type { KindDefinition } from './meta/kind.ts';
import type { StructuralSchema } from './meta/structural.ts';
import { ZoneKind } from './infra/v1alpha1/zone/kind.ts';
import { Quantity } from './meta/quantity.ts';
import { structuralSchemaOf } from './structural.ts';

function kindOf(field: z.ZodType, rules: KindDefinition['rules'] = []): KindDefinition {
  return { ...ZoneKind, fields: z.strictObject({ spec: z.strictObject({ field }) }), rules };
}

function fieldOf(field: z.ZodType): StructuralSchema | undefined {
  return structuralSchemaOf(kindOf(field)).properties?.spec?.properties?.field;
}

/** What a schema lacks for `kubectl explain` and for the cost limit of CEL on Kubernetes, by path. */
function lacks(schema: StructuralSchema, path: string): readonly string[] {
  const here: string[] = [];
  const isText = schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true;
  if (isText && schema.maxLength === undefined && schema.enum === undefined) here.push(`${path}: no maxLength`);
  if (schema.type === 'array' && schema.maxItems === undefined) here.push(`${path}: no maxItems`);
  const isMap = schema.additionalProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isMap && schema.maxProperties === undefined) here.push(`${path}: no maxProperties`);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (child.description === undefined) here.push(`${path}.${name}: no description`);
    here.push(...lacks(child, `${path}.${name}`));
  }
  if (schema.items !== undefined) here.push(...lacks(schema.items, `${path}[]`));
  if (schema.additionalProperties !== undefined) here.push(...lacks(schema.additionalProperties, `${path}{}`));
  return here;
}

describe('the structural schema of a kind', () => {
  test.each(CATALOG.map((kind) => [`${kind.group}/${kind.kind}`, kind] as const))(
    'describes every field of %s and bounds every list, string and map',
    (name, kind) => {
      expect(lacks(structuralSchemaOf(kind), name)).toEqual([]);
    },
  );

  test('says a quantity as Kubernetes says an integer or a string', () => {
    expect(fieldOf(Quantity.describe('Memory.'))).toEqual({
      description: 'Memory.',
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      'x-kubernetes-int-or-string': true,
      minimum: 0,
      maxLength: 32,
      pattern: expect.stringContaining('Ki') as string,
    });
  });

  test('gives an object that is filled from nothing an empty default, so that the defaults inside it are reached', () => {
    expect(fieldOf(z.strictObject({ x: z.int().default(3) }).prefault({}))).toEqual({
      type: 'object',
      default: {},
      properties: { x: { type: 'integer', default: 3 } },
    });
  });

  test('attaches a rule to the node that it is about', () => {
    const kind = kindOf(z.strictObject({ a: z.string() }), [
      { at: 'spec.field', rule: "self.a != ''", message: 'give a', fieldPath: '.a' },
      { at: '', rule: 'true', message: 'always' },
    ]);
    const schema = structuralSchemaOf(kind);
    expect(schema['x-kubernetes-validations']).toEqual([{ rule: 'true', message: 'always' }]);
    expect(schema.properties?.spec?.properties?.field?.['x-kubernetes-validations']).toEqual([
      { rule: "self.a != ''", message: 'give a', fieldPath: '.a' },
    ]);
  });

  test.each([
    ['a look-ahead', z.string().regex(/^(?!x)/)],
    ['a back-reference', z.string().regex(/^(a)\1$/)],
    ['a tuple', z.tuple([z.string(), z.int()])],
    ['a union', z.union([z.string(), z.boolean()])],
    ['a discriminated union', z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })])],
    ['what never is', z.never()],
    ['a value of any type', z.unknown()],
    ['an exclusive bound', z.number().gt(3)],
  ])('refuses %s and names its path', (_, field) => {
    expect(() => structuralSchemaOf(kindOf(field))).toThrow(/^Zone\.spec\.field.*: a structural schema cannot say/);
    expect(() => structuralSchemaOf(kindOf(field))).toThrow(RangeError);
  });

  test('refuses a rule on a field that does not exist', () => {
    expect(() => structuralSchemaOf(kindOf(z.string(), [{ at: 'spec.none', rule: 'true', message: 'm' }]))).toThrow('spec.none');
  });
});
