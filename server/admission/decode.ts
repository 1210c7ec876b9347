import { CORE_SCHEMA, load, YAMLException } from 'js-yaml';
import { ApiError } from '../../apis/meta/api-error.ts';
import { isList, isObject, type JsonObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';
import { duplicateKeys } from './duplicate-keys.ts';

/** The longest body that is read, in bytes. */
export const BODY_LIMIT_BYTES = 3 * 1024 * 1024;

const DEPTH_LIMIT = 64;

export interface Decoded {
  readonly value: unknown;
  /** Paths of keys that the text gives twice, such as `spec.cpus`; the last one counts. */
  readonly duplicates: readonly string[];
}

/** Refuses what later code could not walk safely: very deep nesting, and the key that would set a prototype. */
export function checkShape(root: unknown): void {
  let level: readonly unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_LIMIT) throw badRequest(`the object is nested deeper than ${String(DEPTH_LIMIT)} levels`);
    level = level.flatMap((value) => {
      if (isList(value)) return value;
      if (!isObject(value)) return [];
      if (Object.hasOwn(value, '__proto__')) throw badRequest('the object has a key "__proto__", which no kind has');
      return Object.values(value);
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw badRequest(`the body is not JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`, cause);
  }
}

function parseYaml(text: string): unknown {
  try {
    // A few aliases of aliases make an object of any size out of a few bytes, or one that holds itself.
    return load(text, { schema: CORE_SCHEMA, maxAliases: 0 });
  } catch (cause) {
    const where =
      cause instanceof YAMLException && cause.mark !== undefined
        ? ` in line ${String(cause.mark.line + 1)}, column ${String(cause.mark.column + 1)}`
        : '';
    throw badRequest(`the body is not YAML${where}: ${cause instanceof YAMLException ? cause.reason : 'unreadable'}`, cause);
  }
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** The value of a request body, JSON or YAML by its content type; ApiError 400, 413 or 415 where it cannot be read. */
export function decodeBody(body: string | undefined, contentType: string | undefined): Decoded {
  const text = body ?? '';
  if (Buffer.byteLength(text) > BODY_LIMIT_BYTES) {
    throw new ApiError('RequestEntityTooLarge', `the body is longer than ${String(BODY_LIMIT_BYTES)} bytes`);
  }
  const type = mediaType(contentType);
  if (!['application/json', 'application/yaml', ''].includes(type)) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format (${type}): send application/json or application/yaml`,
    );
  }
  if (text.trim() === '') throw badRequest('the body is empty: an object is expected');
  const value = type === 'application/yaml' ? parseYaml(text) : parseJson(text);
  checkShape(value);
  return { value, duplicates: type === 'application/yaml' ? [] : duplicateKeys(text) };
}

/** The decoded value where it must be an object. */
export function objectOf({ value }: Decoded): JsonObject {
  if (isObject(value)) return value;
  throw badRequest('the body is not an object');
}
