import { z } from 'zod';
import { ApiError } from '../../apis/meta/api-error.ts';
import { checkShape } from '../admission/decode.ts';
import { badRequest } from '../registry/refusals.ts';
import { isObject, sameJson } from '../registry/json.ts';

const MOST_OPERATIONS = 10_000;
/** A copy can double the object, so that a few could fill the memory: there are not many, and the size is looked at after each. */
const MOST_COPIES = 64;
const MOST_CHARACTERS = 3 * 1024 * 1024;
/** Each insertion and removal shifts the items behind it, so that many of them in a long list would take seconds. */
const MOST_SHIFTED = 16_384;
const INDEX = /^(?:0|[1-9]\d{0,8})$/;

const Pointer = z
  .string()
  .max(4096)
  .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, 'must be a JSON pointer')
  .refine(
    (pointer) => !pointer.split('/').some((part) => ['__proto__', 'constructor', 'prototype'].includes(part)),
    'names a field that no kind has',
  );

const Operation = z.discriminatedUnion('op', [
  z.object({ op: z.enum(['add', 'replace', 'test']), path: Pointer, value: z.json() }),
  z.object({ op: z.literal('remove'), path: Pointer }),
  z.object({ op: z.enum(['move', 'copy']), path: Pointer, from: Pointer }),
]);

const Operations = z.array(Operation).max(MOST_OPERATIONS);

type Operation = z.output<typeof Operation>;
type Change = 'add' | 'replace' | 'remove';

/** Why an operation can not be done on the document. */
class PatchFault extends Error {}

function isCopy({ op }: Operation): boolean {
  return op === 'copy';
}

/** The operations of a JSON patch (RFC 6902); ApiError BadRequest where they are none. */
export function parseJsonPatch(value: unknown): readonly Operation[] {
  if (Array.isArray(value) && value.length > MOST_OPERATIONS)
    throw badRequest(`the JSON patch has more than ${String(MOST_OPERATIONS)} operations`);
  const parsed = Operations.safeParse(value);
  if (parsed.success) {
    if (parsed.data.filter(isCopy).length > MOST_COPIES)
      throw badRequest(`the JSON patch has more than ${String(MOST_COPIES)} copy operations`);
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  throw badRequest(`the JSON patch is not valid: ${issue === undefined ? '' : `operation ${issue.path.join('.')}: ${issue.message}`}`);
}

function tokensOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The place of an item in a list, at most `last`. */
function indexOf(token: string, last: number): number {
  if (!INDEX.test(token)) throw new PatchFault('a list is addressed by an index');
  const index = Number(token);
  if (index > last) throw new PatchFault('the list is shorter');
  return index;
}

function childOf(parent: unknown, token: string): unknown {
  if (Array.isArray(parent)) return (parent as readonly unknown[])[indexOf(token, parent.length - 1)];
  if (!isObject(parent) || !Object.hasOwn(parent, token)) throw new PatchFault('there is no such field');
  return parent[token];
}

function valueAtPointer(document: unknown, pointer: string): unknown {
  return tokensOf(pointer).reduce(childOf, document);
}

function changeList(list: unknown[], token: string, change: Change, value: unknown): void {
  if (change === 'replace') {
    list[indexOf(token, list.length - 1)] = value;
    return;
  }
  const index = change === 'add' ? (token === '-' ? list.length : indexOf(token, list.length)) : indexOf(token, list.length - 1);
  if (list.length - index > MOST_SHIFTED) throw new PatchFault(`more than ${String(MOST_SHIFTED)} items would be shifted`);
  if (change === 'add') list.splice(index, 0, value);
  else list.splice(index, 1);
}

/** The document with one place changed; all but a change of the whole is done in place. */
function changed(document: unknown, pointer: string, change: Change, value?: unknown): unknown {
  const tokens = tokensOf(pointer);
  const last = tokens.at(-1);
  if (last === undefined) {
    if (change === 'remove') throw new PatchFault('the whole object can not be removed');
    return value;
  }
  const parent = tokens.slice(0, -1).reduce(childOf, document);
  if (Array.isArray(parent)) {
    changeList(parent, last, change, value);
    return document;
  }
  if (!isObject(parent)) throw new PatchFault('there is no object or list to change');
  if (change !== 'add' && !Object.hasOwn(parent, last)) throw new PatchFault('there is no such field');
  // Defined and not assigned, so that no name reaches a prototype.
  if (change === 'remove') Reflect.deleteProperty(parent, last);
  else Object.defineProperty(parent, last, { value, writable: true, enumerable: true, configurable: true });
  return document;
}

function moved(document: unknown, from: string, path: string): unknown {
  if (path.startsWith(`${from}/`)) throw new PatchFault('a value can not be moved into itself');
  const value = valueAtPointer(document, from);
  return path === from ? document : changed(changed(document, from, 'remove'), path, 'add', value);
}

function applied(document: unknown, operation: Operation): unknown {
  switch (operation.op) {
    case 'add':
    case 'replace':
      return changed(document, operation.path, operation.op, structuredClone(operation.value));
    case 'remove':
      return changed(document, operation.path, 'remove');
    case 'move':
      return moved(document, operation.from, operation.path);
    case 'copy':
      // Moves can nest deeper than a copy can walk.
      checkShape(document);
      return changed(document, operation.path, 'add', structuredClone(valueAtPointer(document, operation.from)));
    case 'test':
      if (!sameJson(valueAtPointer(document, operation.path), operation.value)) throw new PatchFault('the value is another');
      return document;
  }
}

/** A JSON patch applied to a copy; ApiError Invalid where an operation fails, such as a `test`. */
export function applyJsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  let document: unknown = structuredClone(target);
  for (const [index, operation] of operations.entries()) {
    const name = `JSON patch operation ${String(index)} (${operation.op} ${operation.path})`;
    try {
      document = applied(document, operation);
    } catch (error) {
      if (!(error instanceof PatchFault)) throw error;
      throw new ApiError('Invalid', `the server rejected our request: ${name} failed: ${error.message}`, { cause: error });
    }
    if (isCopy(operation) && JSON.stringify(document).length > MOST_CHARACTERS)
      throw new ApiError('RequestEntityTooLarge', `${name} makes the object too large`);
  }
  return document;
}
