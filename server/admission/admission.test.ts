import fc from 'fast-check';
import { CATALOG } from '../../apis/catalog.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { structuralSchemaOf } from '../../apis/structural.ts';
import { resourcesOf, type Resource } from '../registry/resource.ts';
import { createAdmission, type Admitted, type FieldValidation } from './admit.ts';
import { compileRules } from './cel.ts';
import { applyDefaults } from './default.ts';
import { duplicateKeys } from './duplicate-keys.ts';
import { nanosOf } from './exact-quantity.ts';
import { prune } from './prune.ts';

const admission = createAdmission(structuralSchemaOf);
const BIRTH = { namespace: 'default', name: 'x', uid: 'u-1', now: '2026-01-01T00:00:00Z' };

function resource(kind: string, group?: string): Resource {
  const found = resourcesOf(CATALOG).find((each) => each.kind.kind === kind && (group === undefined || each.kind.group === group));
  if (found === undefined) throw new Error(kind);
  return found;
}

const VM = resource('VirtualMachine');
const VOLUME = resource('Volume');

function create(of: Resource, spec: unknown, metadata: object = {}, fieldValidation: FieldValidation = 'Strict'): Admitted {
  const object = { apiVersion: of.apiVersion, kind: of.kind.kind, metadata: { name: 'x', ...metadata }, spec };
  return admission.create(of, { object, duplicates: [], fieldValidation }, BIRTH);
}

function refusalOf(work: () => unknown): ApiError {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('structural defaulting', () => {
  const schema: StructuralSchema = {
    type: 'object',
    properties: {
      a: { type: 'integer', default: 1 },
      n: { type: 'string', nullable: true, default: 'n' },
      deep: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 2 } } },
      bare: { type: 'object', properties: { c: { type: 'integer', default: 3 } } },
      list: { type: 'array', items: { type: 'object', properties: { d: { type: 'integer', default: 4 } } } },
      map: { type: 'object', additionalProperties: { type: 'integer', default: 5 } },
      plain: { type: 'string' },
    },
  };

  test.each([
    { why: 'an absent field gets its default, also inside a default', have: {}, want: { a: 1, n: 'n', deep: { b: 2 } } },
    { why: 'an object without a default is not made', have: { a: 0 }, want: { a: 0, n: 'n', deep: { b: 2 } } },
    { why: 'a null that is not allowed counts as absent', have: { a: null, plain: null }, want: { a: 1, n: 'n', deep: { b: 2 } } },
    { why: 'a null that is allowed stays', have: { n: null }, want: { a: 1, n: null, deep: { b: 2 } } },
    {
      why: 'items of lists and values of maps get theirs',
      have: { bare: {}, list: [{}, { d: 9 }], map: { x: null } },
      want: { a: 1, n: 'n', deep: { b: 2 }, bare: { c: 3 }, list: [{ d: 4 }, { d: 9 }], map: { x: 5 } },
    },
  ])('$why', ({ have, want }) => {
    expect(applyDefaults(have, schema)).toEqual(want);
  });

  test('defaulting twice is defaulting once', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'n', 'deep', 'bare', 'list', 'map', 'plain', 'other'), fc.jsonValue()), (value) => {
        const once = applyDefaults(value, schema);
        expect(applyDefaults(once, schema)).toEqual(once);
      }),
    );
  });

  test('pruning after defaulting finds nothing unknown in what every kind is born with', () => {
    for (const { kind } of resourcesOf(CATALOG)) {
      const unknown: string[] = [];
      prune(applyDefaults({}, structuralSchemaOf(kind)), structuralSchemaOf(kind), '', unknown);
      expect([kind.kind, unknown]).toEqual([kind.kind, []]);
    }
  });

  test('the defaults of the schema are those of zod', () => {
    const { object } = create(VM, { cpus: 1, memory: '1Gi', disks: [{ name: 'a', volume: 'v' }], interfaces: [{ name: 'n' }] });
    expect(VM.kind.fields.parse({ spec: object.spec, status: object.status })).toEqual({ spec: object.spec, status: object.status });
  });
});

describe('unknown and repeated fields', () => {
  test('Strict refuses them by path, as one bad request', () => {
    const error = refusalOf(() =>
      create(VM, { cpus: 1, memory: '1Gi', disks: [{ name: 'a', volume: 'v', speed: 1 }], nope: 1 }, { colour: 'red' }),
    );
    expect(error.reason).toBe('BadRequest');
    expect(error.message).toBe(
      'VirtualMachine in version "v1alpha1" cannot be handled as a VirtualMachine: strict decoding error: unknown field "spec.disks[0].speed", unknown field "spec.nope", unknown field "metadata.colour"',
    );
    expect(error.details.causes?.map(({ field, message }) => `${field ?? ''}: ${message}`)).toEqual([
      'spec.disks[0].speed: unknown field',
      'spec.nope: unknown field',
      'metadata.colour: unknown field',
    ]);
  });

  test('Warn prunes them and says so; Ignore only prunes', () => {
    const warned = create(VM, { cpus: 1, memory: '1Gi', nope: 1 }, {}, 'Warn');
    expect(warned.warnings).toEqual(['unknown field "spec.nope"']);
    expect(warned.object.spec).not.toHaveProperty('nope');
    expect(create(VM, { cpus: 1, memory: '1Gi', nope: 1 }, {}, 'Ignore').warnings).toEqual([]);
  });

  test("a driver's own configuration is nobody's to prune", () => {
    const { object } = create(resource('Host'), { pod: 'p', driver: { name: 'sim', config: { any: { thing: [1] } } } });
    expect(object.spec).toMatchObject({ driver: { config: { any: { thing: [1] } } } });
  });

  test.each([
    ['{"a":1,"b":{"a":2}}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"s":{"l":[{"x":1},{"x":1,"x":2}]}}', ['s.l[1].x']],
    ['{"a":"{\\"b\\":1,\\"b\\":2}"}', []],
    ['{"a":[[],{"b":[{}],"b":1}],"c":{}}', ['a[1].b']],
  ])('the keys given twice in %s are %j', (text, wanted) => {
    expect(duplicateKeys(text)).toEqual(wanted);
  });

  test('a text that JSON makes has no key twice', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(duplicateKeys(JSON.stringify(value))).toEqual([]);
      }),
    );
  });
});

describe('validation', () => {
  const good = { cpus: 1, memory: '1Gi' };
  test.each([
    { why: 'a missing field', spec: { memory: '1Gi' }, says: 'spec.cpus: Required value', reason: 'FieldValueRequired' },
    {
      why: 'a wrong type',
      spec: { ...good, cpus: 'two' },
      says: 'spec.cpus: Invalid value: "two": must be of type integer',
      reason: 'FieldValueTypeInvalid',
    },
    { why: 'too little', spec: { ...good, cpus: 0 }, says: 'spec.cpus: Invalid value: 0: must be at least 1', reason: 'FieldValueInvalid' },
    {
      why: 'a bad quantity',
      spec: { ...good, memory: 'lots' },
      says: 'spec.memory: Invalid value: "lots": must be a quantity such as 512Mi, 1.5Gi or 1000000',
      reason: 'FieldValueInvalid',
    },
    {
      why: 'a quantity of a wrong type',
      spec: { ...good, memory: true },
      says: 'spec.memory: Invalid value: true: must be of type',
      reason: 'FieldValueTypeInvalid',
    },
    {
      why: 'none of the choices',
      spec: { ...good, restartPolicy: 'Never' },
      says: 'spec.restartPolicy: Unsupported value: "Never": supported values: "Always", "OnFailure"',
      reason: 'FieldValueNotSupported',
    },
    {
      why: 'a path for a bare name',
      spec: { ...good, boot: { kernel: '../../etc/shadow' } },
      says: 'spec.boot.kernel: Invalid value: "../../etc/shadow": must be a bare name',
      reason: 'FieldValueInvalid',
    },
    {
      why: 'a disk named twice',
      spec: {
        ...good,
        disks: [
          { name: 'a', volume: 'v' },
          { name: 'a', volume: 'w' },
        ],
      },
      says: 'spec.disks[1]: Duplicate value: {"name":"a"}',
      reason: 'FieldValueDuplicate',
    },
    {
      why: 'a rule of the kind, at the field that it is about',
      spec: { ...good, interfaces: [{ name: 'n', mode: 'Bridge' }] },
      says: 'spec.interfaces: Invalid value: "array": bridge goes with mode Bridge, and only with it',
      reason: 'FieldValueInvalid',
    },
    {
      why: 'a rule on a quantity',
      spec: { ...good, memory: '1k' },
      says: 'spec.memory: Invalid value: "1k": memory must be at least 1Mi',
      reason: 'FieldValueInvalid',
    },
  ])('$why is one clear error', ({ spec, says, reason }) => {
    const error = refusalOf(() => create(VM, spec));
    expect(error.reason).toBe('Invalid');
    expect(error.message).toContain(`VirtualMachine.compute.lenticular.dev "x" is invalid: ${says}`);
    expect(error.details.causes).toHaveLength(1);
    expect(error.details.causes?.[0]?.reason).toBe(reason);
  });

  test('a rule on something that is not there is not asked', () => {
    expect(create(VOLUME, { storagePool: 'p', size: '1Gi' }).object.spec).not.toHaveProperty('source');
  });

  test.each([
    { why: 'upper case', metadata: { name: 'Upper' }, field: 'metadata.name' },
    { why: 'a path', metadata: { name: '../x' }, field: 'metadata.name' },
    { why: 'a NUL', metadata: { name: 'a\u0000b' }, field: 'metadata.name' },
    { why: 'a newline at the end', metadata: { name: 'a\n' }, field: 'metadata.name' },
    { why: 'a leading dot', metadata: { name: '.a' }, field: 'metadata.name' },
    { why: 'two dots', metadata: { name: 'a..b' }, field: 'metadata.name' },
    { why: 'too long a name', metadata: { name: 'a'.repeat(254) }, field: 'metadata.name' },
  ])('a name with $why is refused', ({ metadata, field }) => {
    const object = { apiVersion: VM.apiVersion, kind: 'VirtualMachine', metadata, spec: good };
    const error = refusalOf(() =>
      admission.create(VM, { object, duplicates: [], fieldValidation: 'Strict' }, { ...BIRTH, name: metadata.name }),
    );
    expect(error.details.causes?.[0]?.field).toBe(field);
  });

  test.each([
    { metadata: { labels: { 'a b': 'c' } }, field: 'metadata.labels' },
    { metadata: { labels: { a: 'no spaces' } }, field: 'metadata.labels' },
    { metadata: { labels: { a: 1 } }, field: 'metadata.labels.a' },
    { metadata: { labels: 'none' }, field: 'metadata.labels' },
    { metadata: { annotations: { a: 'x'.repeat(300_000) } }, field: 'metadata.annotations' },
    { metadata: { finalizers: ['short'] }, field: 'metadata.finalizers[0]' },
    { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'A', name: 'a' }] }, field: 'metadata.ownerReferences[0].uid' },
  ])('metadata $metadata is refused at $field', ({ metadata, field }) => {
    expect(refusalOf(() => create(VM, good, metadata)).details.causes?.[0]?.field).toBe(field);
  });
});

describe('updates', () => {
  const before = { ...create(VOLUME, { storagePool: 'p', size: '2Gi' }).object };
  const stored: ApiObject = { ...before, metadata: { ...before.metadata, resourceVersion: '7' } };
  const change = (part: 'main' | 'status', object: object): Admitted =>
    admission.update(VOLUME, part, { object: { ...stored, ...object }, duplicates: [], fieldValidation: 'Strict' }, stored);

  test.each([
    { why: 'shrinking', spec: { size: '1Gi' }, says: 'spec.size: Invalid value: "1Gi": size may grow, never shrink' },
    { why: 'another pool', spec: { storagePool: 'q' }, says: 'spec.storagePool: Invalid value: "q": storagePool is immutable' },
    { why: 'no pool any more', spec: { storagePool: undefined, poolSelector: {} }, says: 'storagePool is immutable' },
  ])('$why is refused by a rule over time', ({ spec, says }) => {
    const sent = JSON.parse(JSON.stringify({ ...(stored.spec as object), ...spec })) as object;
    expect(refusalOf(() => change('main', { spec: sent })).message).toContain(says);
  });

  test('a rule over time is not asked of a new object, and growing is allowed', () => {
    expect(change('main', { spec: { storagePool: 'p', size: '3Gi' } }).object.metadata.generation).toBe(2);
  });

  test('the main resource leaves status alone, and the status resource all else', () => {
    const status = { conditions: [] };
    const main = change('main', { status, spec: { storagePool: 'p', size: '3Gi' } }).object;
    expect(main.status).toEqual(stored.status);
    const sent = {
      status,
      spec: { storagePool: 'q', size: '1Gi' },
      metadata: { ...stored.metadata, finalizers: ['a.b/c'], labels: { a: 'b' } },
    };
    const other = change('status', sent).object;
    expect(other).toEqual({ ...stored, status });
  });

  test('what only the server writes cannot be changed, and what is left out is kept', () => {
    const metadata = { ...stored.metadata, creationTimestamp: '2020-01-01T00:00:00Z' };
    expect(refusalOf(() => change('main', { metadata })).message).toContain('metadata.creationTimestamp: Invalid value');
    expect(change('main', { metadata: { name: 'x' } }).object.metadata).toMatchObject({ uid: 'u-1', creationTimestamp: BIRTH.now });
  });

  test('no finalizer is added once deletion was asked for', () => {
    const deleting = { ...stored, metadata: { ...stored.metadata, deletionTimestamp: BIRTH.now, finalizers: ['a.b/c'] } };
    const object = { ...deleting, metadata: { ...deleting.metadata, finalizers: ['a.b/c', 'd.e/f'] } };
    const error = refusalOf(() => admission.update(VOLUME, 'main', { object, duplicates: [], fieldValidation: 'Strict' }, deleting));
    expect(error.details.causes).toMatchObject([{ reason: 'FieldValueForbidden', field: 'metadata.finalizers' }]);
  });
});

describe('CEL', () => {
  const schema: StructuralSchema = { type: 'object', properties: { a: { type: 'integer' }, x: { type: 'number' } } };
  const holds = (rule: string, self: unknown, before?: unknown): boolean =>
    compileRules([{ at: 's', rule, message: 'no' }], { type: 'object', properties: { s: schema } }).check(
      { s: self },
      before && { s: before },
    ).length === 0;

  test.each([
    ['self.a == 1', { a: 1 }, true],
    ['self.x > 1.5', { x: 2 }, true],
    ["self.t.matches('^(a+)+$')", { t: `${'a'.repeat(5000)}!` }, false],
    ["quantity('1Gi') == quantity('1024Mi')", {}, true],
    ["quantity('1.5Gi').isGreaterThan(quantity('1G')) && quantity('100m').isLessThan(quantity('1'))", {}, true],
    ["isQuantity('1.5Gi') && !isQuantity('lots')", {}, true],
    ['self.missing == 1', {}, false],
  ])('%s of %j is %s', (rule, self, wanted) => {
    expect(holds(rule, self)).toBe(wanted);
  });

  test('equality of maps and lists is deep', () => {
    expect(holds('self == oldSelf', { m: { l: [1, { k: 'v' }] } }, { m: { l: [1, { k: 'v' }] } })).toBe(true);
    expect(holds('self == oldSelf', { m: { l: [1, { k: 'w' }] } }, { m: { l: [1, { k: 'v' }] } })).toBe(false);
  });

  test.each([
    ['1', 1_000_000_000n],
    ['100m', 100_000_000n],
    ['1Ki', 1_024_000_000_000n],
    ['1e3', 1_000_000_000_000n],
    ['1E', 10n ** 27n],
    ['-1.5k', -1_500_000_000_000n],
    ['.5', 500_000_000n],
    ['1.0000000001', undefined],
    ['', undefined],
    ['1 Gi', undefined],
    ['Gi', undefined],
  ])('the quantity %j is %s thousand-millionths', (text, wanted) => {
    expect(nanosOf(text)).toBe(wanted);
  });
});

describe('very many faults', () => {
  test.each(['finalizers', 'ownerReferences'])('in the %s are one: that there are too many', (field) => {
    const { message, details } = refusalOf(() => create(VM, {}, { [field]: Array.from({ length: 100_000 }, () => 0) }));
    expect(details.causes).toMatchObject([{ reason: 'FieldValueTooMany', field: `metadata.${field}` }]);
    expect(message.length).toBeLessThan(1000);
  });

  test.each(['labels', 'annotations'])('in the %s are one: that there are too many', (field) => {
    const map = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`-${String(index)}`, 0]));
    const { details } = refusalOf(() => create(VM, {}, { [field]: map }));
    expect(details.causes).toMatchObject([{ reason: 'FieldValueTooMany', field: `metadata.${field}` }]);
  });

  test('are answered with 64 and how many more there are', () => {
    const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`-${String(index)}`, 0]));
    const { message, details } = refusalOf(() => create(VM, {}, { labels }));
    expect(details.causes).toHaveLength(64);
    expect(message).toMatch(/, and \d+ more\]$/);
  });
});
