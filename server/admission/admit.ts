import { ApiError, type StatusCause } from '../../apis/meta/api-error.ts';
import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, sameJson, valueAt, without, type JsonObject } from '../registry/json.ts';
import { badRequest, invalid } from '../registry/refusals.ts';
import { isNamespaces, type Resource } from '../registry/resource.ts';
import { compileRules, type CompiledRules } from './cel.ts';
import { applyDefaults } from './default.ts';
import { duplicateItems } from './list-keys.ts';
import { METADATA_SCHEMA, SentMetadata } from './metadata-schema.ts';
import { countCauses, metadataCauses, metadataUpdateCauses } from './metadata.ts';
import { prune } from './prune.ts';
import { assemble, stampChanged, stampNew, type Birth } from './stamp.ts';
import { validate } from './validate.ts';

/** What becomes of fields that the schema does not know: refused, pruned with a warning, or pruned. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** What a client sent for an object, and how strictly to read it. */
export interface Sent {
  readonly object: JsonObject;
  /** Paths of keys that the body gave twice. */
  readonly duplicates: readonly string[];
  readonly fieldValidation: FieldValidation;
}

/** Which part of an object a request is about. */
export type Part = 'main' | 'status' | 'finalize';

export interface Admitted {
  readonly object: ApiObject;
  /** Whether it differs from what was there. */
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

/** From what a client sent to what may be stored. Pure: the same input gives the same answer; throws ApiError for what is refused. */
export interface Admission {
  create(resource: Resource, sent: Sent, birth: Birth): Admitted;
  update(resource: Resource, part: Part, sent: Sent, before: ApiObject): Admitted;
}

interface Checks {
  readonly schema: StructuralSchema;
  readonly rules: CompiledRules;
}

interface Read {
  readonly metadata: SentMetadata;
  readonly fields: JsonObject;
  readonly warnings: readonly string[];
}

const ENVELOPE = ['apiVersion', 'kind', 'metadata'] as const;

function checkEnvelope({ kind, apiVersion }: Resource, object: JsonObject): void {
  if (typeof object.kind !== 'string' || object.kind === '') throw badRequest(`Object 'Kind' is missing: set kind: ${kind.kind}`);
  if (typeof object.apiVersion !== 'string' || object.apiVersion === '') {
    throw badRequest(`Object 'apiVersion' is missing: set apiVersion: ${apiVersion}`);
  }
  if (object.apiVersion !== apiVersion) {
    throw badRequest(`the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`);
  }
  if (object.kind !== kind.kind) throw badRequest(`the kind in the data (${object.kind}) does not match the expected kind (${kind.kind})`);
}

/** Refuses or tells of fields that are unknown or given twice. */
function warningsOf({ kind }: Resource, { duplicates, fieldValidation }: Sent, unknown: readonly string[]): readonly string[] {
  const wrong = (because: string) => (field: string) => ({ reason: 'FieldValueInvalid', message: because, field });
  const causes = [...unknown.map(wrong('unknown field')), ...duplicates.map(wrong('duplicate field'))].slice(0, 32);
  if (fieldValidation === 'Ignore' || causes.length === 0) return [];
  const found = causes.map(({ field, message }) => `${message} "${field}"`);
  if (fieldValidation === 'Warn') return found;
  const message = `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${found.join(', ')}`;
  throw new ApiError('BadRequest', message, { details: { causes } });
}

function nameIn(metadata: unknown): string {
  const name = valueAt(metadata, 'name') ?? valueAt(metadata, 'generateName');
  return typeof name === 'string' ? name : '';
}

/** Prunes and fills in defaults; what is of a wrong type in metadata is refused here. */
function read(resource: Resource, schema: StructuralSchema, sent: Sent): Read {
  const { object } = sent;
  const unknown: string[] = [];
  const rest = prune(without(object, ...ENVELOPE), schema, '', unknown);
  const raw = prune(object.metadata ?? {}, METADATA_SCHEMA, 'metadata', unknown);
  const warnings = warningsOf(resource, sent, unknown);
  const metadata = applyDefaults(raw, METADATA_SCHEMA);
  refuseIf(resource, nameIn(metadata), countCauses(metadata));
  const typed = SentMetadata.safeParse(metadata);
  if (!typed.success) {
    const causes = validate(SentMetadata, metadata, METADATA_SCHEMA).map((cause) => ({
      ...cause,
      field: ['metadata', cause.field].filter(Boolean).join('.'),
    }));
    throw invalid(resource, nameIn(metadata), causes);
  }
  return { metadata: typed.data, fields: applyDefaults(rest, schema) as JsonObject, warnings };
}

/**
 * What is wrong with the fields of an object; rules are asked only of what has the right shape. Fields that are as they were are not judged
 * again, as Kubernetes does: what was once let in must not stand in the way of a change elsewhere.
 */
function fieldCauses(
  { kind }: Resource,
  name: string,
  { schema, rules }: Checks,
  fields: JsonObject,
  before: JsonObject | undefined,
): readonly StatusCause[] {
  const same = before !== undefined && sameJson(fields, before);
  const causes = same ? [] : [...validate(kind.fields, fields, schema), ...duplicateItems(fields, schema)];
  if (causes.length > 0) return causes;
  // A rule on the whole object may ask for its name, as on Kubernetes.
  const whole = (some: JsonObject): JsonObject => (kind.rules.some(({ at }) => at === '') ? { ...some, metadata: { name } } : some);
  return rules.check(whole(fields), before && whole(before));
}

function refuseIf(resource: Resource, name: string, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalid(resource, name, causes);
}

/** A namespace is held by the server until its content is gone: that finalizer is not the client's to leave out. */
function withServerFinalizer(resource: Resource, fields: JsonObject, finalizers: unknown): JsonObject {
  if (!isNamespaces(resource)) return fields;
  const spec = fields.spec;
  return { ...fields, spec: { ...(isObject(spec) ? spec : {}), finalizers } };
}

function withStatusOf(resource: Resource, fields: JsonObject, before: JsonObject): JsonObject {
  if (!resource.kind.statusSubresource) return fields;
  const rest = without(fields, 'status');
  return before.status === undefined ? rest : { ...rest, status: before.status };
}

function fieldsOf(object: JsonObject): JsonObject {
  return without(object, ...ENVELOPE);
}

function isStatusCause({ field = '' }: StatusCause): boolean {
  return field === 'status' || field.startsWith('status.') || field.startsWith('status[');
}

function changeMain(resource: Resource, checks: Checks, { metadata, fields: sent }: Read, before: ApiObject): ApiObject {
  const own = withServerFinalizer(resource, sent, valueAt(before, 'spec.finalizers') ?? []);
  const fields = withStatusOf(resource, own, before);
  const { name } = before.metadata;
  const causes = [
    ...metadataUpdateCauses(metadata, before.metadata),
    ...metadataCauses(resource, { ...metadata, name }),
    ...fieldCauses(resource, name, checks, fields, fieldsOf(before)),
  ];
  // Status is not this request's doing, so it cannot be this request's fault.
  refuseIf(resource, name, resource.kind.statusSubresource ? causes.filter((cause) => !isStatusCause(cause)) : causes);
  return assemble(resource, stampChanged(resource, metadata, before, fields), fields);
}

function changeStatus(resource: Resource, checks: Checks, { fields: sent }: Read, before: ApiObject): ApiObject {
  const fields = { ...fieldsOf(before), ...(sent.status !== undefined && { status: sent.status }) };
  refuseIf(
    resource,
    before.metadata.name,
    fieldCauses(resource, before.metadata.name, checks, fields, fieldsOf(before)).filter(isStatusCause),
  );
  return assemble(resource, before.metadata, fields);
}

function finalize(resource: Resource, { fields: sent }: Read, before: ApiObject): ApiObject {
  const finalizers = valueAt(sent, 'spec.finalizers');
  return assemble(resource, before.metadata, withServerFinalizer(resource, fieldsOf(before), isList(finalizers) ? finalizers : []));
}

/** Admission for all kinds; each kind's schema and rules are compiled when it is first needed. */
export function createAdmission(structuralSchemaOf: (kind: KindDefinition) => StructuralSchema): Admission {
  const compiled = new Map<KindDefinition, Checks>();

  function checksOf(resource: Resource): Checks {
    const known = compiled.get(resource.kind);
    if (known !== undefined) return known;
    const schema = structuralSchemaOf(resource.kind);
    const checks = { schema, rules: compileRules(resource.kind.rules, schema) };
    compiled.set(resource.kind, checks);
    return checks;
  }

  return {
    create(resource, sent, birth) {
      checkEnvelope(resource, sent.object);
      const checks = checksOf(resource);
      const object = resource.kind.statusSubresource ? without(sent.object, 'status') : sent.object;
      const { metadata, fields: given, warnings } = read(resource, checks.schema, { ...sent, object });
      const asked = valueAt(given, 'spec.finalizers');
      const fields = withServerFinalizer(resource, given, [...new Set([...(isList(asked) ? asked : []), 'kubernetes'])]);
      refuseIf(resource, birth.name, [
        ...metadataCauses(resource, { ...metadata, name: birth.name }),
        ...fieldCauses(resource, birth.name, checks, fields, undefined),
      ]);
      return { object: assemble(resource, stampNew(resource, metadata, birth), fields), changed: true, warnings };
    },
    update(resource, part, sent, before) {
      checkEnvelope(resource, sent.object);
      const checks = checksOf(resource);
      const given = read(resource, checks.schema, sent);
      const object =
        part === 'main'
          ? changeMain(resource, checks, given, before)
          : part === 'status'
            ? changeStatus(resource, checks, given, before)
            : finalize(resource, given, before);
      return { object, changed: !sameJson(object, before), warnings: given.warnings };
    },
  };
}
