import { applyPatch } from 'rfc6902';
import { z } from 'zod';
import { ApiError } from '../../apis/meta/api-error.ts';
import { badRequest } from '../registry/refusals.ts';

const MOST_OPERATIONS = 10_000;
/** A copy can double the object, so that a few could fill the memory: there are not many, and the size is looked at after each. */
const MOST_COPIES = 64;
const MOST_CHARACTERS = 3 * 1024 * 1024;

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

function isCopy({ op }: Operation): boolean {
  return op === 'copy';
}

/** The operations of a JSON patch (RFC 6902); ApiError BadRequest where they are none. */
export function parseJsonPatch(value: unknown): readonly Operation[] {
  const parsed = Operations.safeParse(value);
  if (parsed.success) {
    if (parsed.data.filter(isCopy).length > MOST_COPIES)
      throw badRequest(`the JSON patch has more than ${String(MOST_COPIES)} copy operations`);
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  throw badRequest(`the JSON patch is not valid: ${issue === undefined ? '' : `operation ${issue.path.join('.')}: ${issue.message}`}`);
}

/** A JSON patch applied to a copy; ApiError Invalid where an operation fails, such as a `test`. */
export function applyJsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  const root = { document: structuredClone(target) };
  for (const [index, operation] of operations.entries()) {
    const below = { ...operation, path: `/document${operation.path}`, ...('from' in operation && { from: `/document${operation.from}` }) };
    const [error] = applyPatch(root, [structuredClone(below)]);
    if (error !== null && error !== undefined) {
      throw new ApiError(
        'Invalid',
        `the server rejected our request: JSON patch operation ${String(index)} (${operation.op} ${operation.path}) failed`,
        { cause: error },
      );
    }
    if (isCopy(operation) && JSON.stringify(root).length > MOST_CHARACTERS)
      throw new ApiError('RequestEntityTooLarge', 'the JSON patch makes the object too large');
  }
  return root.document;
}
