import { isObject } from './json.ts';
import { badRequest } from './refusals.ts';

/** Where the next page of a list begins: after one key, in the list as it was at one version. */
export interface Continuation {
  readonly resourceVersion: bigint;
  readonly after: string;
}

/** The continue token of a list below `prefix`. */
export function encodeContinuation(prefix: string, { resourceVersion, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ rv: String(resourceVersion), prefix, after: after.slice(prefix.length) })).toString('base64url');
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Reads a token that `encodeContinuation` made for the same prefix; ApiError BadRequest for any other. */
export function decodeContinuation(prefix: string, token: string): Continuation {
  const value = parse(token);
  if (
    !isObject(value) ||
    typeof value.rv !== 'string' ||
    !/^\d{1,20}$/.test(value.rv) ||
    value.prefix !== prefix ||
    typeof value.after !== 'string'
  ) {
    throw badRequest('continue key is not valid: use the token of the page before, with the same path');
  }
  return { resourceVersion: BigInt(value.rv), after: `${prefix}${value.after}` };
}
