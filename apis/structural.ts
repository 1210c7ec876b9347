import { z } from 'zod';
import type { CelRule, KindDefinition } from './meta/kind.ts';
import type { StructuralSchema } from './meta/structural.ts';

type Node = Readonly<Record<string, unknown>>;

const DROPPED: ReadonlySet<string> = new Set(['$schema', 'id', 'propertyNames']);
const TYPES: ReadonlySet<unknown> = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);
const COPIED: ReadonlySet<string> = new Set([
  'description',
  'format',
  'nullable',
  'default',
  'required',
  'enum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
]);

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(path: string, what: string): never {
  throw new RangeError(`${path}: a structural schema cannot say ${what}`);
}

function nodeAt(value: unknown, path: string): Node {
  return isNode(value) ? value : refuse(path, JSON.stringify(value));
}

/** Go's regular expressions, which check patterns on Kubernetes, know no look-around and no back-references. */
function patternOf(value: unknown, path: string): string {
  if (typeof value !== 'string') return refuse(path, 'a pattern that is no text');
  if (/\(\?<?[=!]|\\[1-9]|\\k</.test(value)) return refuse(path, `the pattern ${value}: it looks around or back`);
  return value;
}

/** The bound of a whole number that only says "a safe integer" is no bound that somebody chose. */
function isSafeIntegerBound(node: Node, keyword: string): boolean {
  return node.type === 'integer' && Math.abs(Number(node[keyword])) === Number.MAX_SAFE_INTEGER;
}

/** Kubernetes allows one union: an integer or a string, with the checks of both on the node itself. */
function intOrString(node: Node, path: string): StructuralSchema {
  const branches = Array.isArray(node.anyOf) ? node.anyOf.map((branch) => nodeAt(branch, path)) : [];
  const [integer, text] = branches;
  if (branches.length !== 2 || integer?.type !== 'integer' || text?.type !== 'string' || node['x-kubernetes-int-or-string'] !== true)
    return refuse(path, 'anyOf, but for an integer or a string with x-kubernetes-int-or-string');
  const without = (from: Node, name: string): Node => Object.fromEntries(Object.entries(from).filter(([key]) => key !== name));
  const checks = [integer, text].map((branch) => without({ ...structural(branch, path) }, 'type'));
  const merged = checks.reduce<Node>((all, some) => ({ ...all, ...some }), { ...structural(without(node, 'anyOf'), path) });
  return { ...merged, anyOf: [{ type: 'integer' }, { type: 'string' }] };
}

function mapValues(node: Node, path: string): Readonly<Record<string, StructuralSchema>> {
  return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, structural(nodeAt(child, path), `${path}.${name}`)]));
}

/** What one keyword of zod's JSON Schema becomes; nothing drops it. */
function keyword(node: Node, name: string, path: string): Node {
  const value = node[name];
  if (DROPPED.has(name)) return {};
  if (COPIED.has(name)) return { [name]: value };
  switch (name) {
    case 'type':
      return TYPES.has(value) ? { [name]: value } : refuse(path, `type ${JSON.stringify(value)}`);
    case 'pattern':
      return { pattern: patternOf(value, path) };
    case 'minimum':
    case 'maximum':
      return isSafeIntegerBound(node, name) ? {} : { [name]: value };
    case 'properties':
      return { properties: mapValues(nodeAt(value, path), path) };
    case 'items':
      return { items: structural(nodeAt(value, path), `${path}[]`) };
    case 'additionalProperties':
      // Unknown fields are pruned or refused by fieldValidation, never by the schema; a free-form map takes anything anyway.
      if (value === false || node['x-kubernetes-preserve-unknown-fields'] === true) return {};
      return { additionalProperties: structural(nodeAt(value, path), `${path}{}`) };
    default:
      return refuse(path, name);
  }
}

function structural(node: Node, path: string): StructuralSchema {
  if ('anyOf' in node) return intOrString(node, path);
  const schema = Object.assign({}, ...Object.keys(node).map((name) => keyword(node, name, path))) as StructuralSchema;
  if (schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true) return refuse(path, 'a value of any type');
  return schema;
}

/** A copy of `schema` with a rule on the node at `path`. */
function attach(schema: StructuralSchema, path: readonly string[], rule: CelRule): StructuralSchema {
  const [name, ...below] = path;
  if (name === undefined) {
    const { rule: text, message, fieldPath } = rule;
    const added = { rule: text, message, ...(fieldPath === undefined ? {} : { fieldPath }) };
    return { ...schema, 'x-kubernetes-validations': [...(schema['x-kubernetes-validations'] ?? []), added] };
  }
  const child = schema.properties?.[name];
  if (child === undefined) throw new RangeError(`${rule.at}: a rule is attached to a field that does not exist`);
  return { ...schema, properties: { ...schema.properties, [name]: attach(child, below, rule) } };
}

/** A kind's fields beside apiVersion, kind and metadata as a structural schema with its CEL rules; throws a RangeError that names the path of what Kubernetes could not say. */
export function structuralSchemaOf(kind: KindDefinition): StructuralSchema {
  const json: unknown = z.toJSONSchema(kind.fields, { target: 'openapi-3.0', io: 'input' });
  const schema = structural(nodeAt(json, kind.kind), kind.kind);
  return kind.rules.reduce((made, rule) => attach(made, rule.at === '' ? [] : rule.at.split('.'), rule), schema);
}
