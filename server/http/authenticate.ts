import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../apis/meta/request.ts';

/** Who sends an Authorization header; undefined where it proves nobody. */
export type Authenticate = (authorization: string | undefined) => Caller | undefined;

/** A bearer token and whom it stands for. */
export interface TokenCaller {
  readonly token: string;
  readonly caller: Caller;
}

const ANONYMOUS: Caller = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Knows callers by their bearer tokens, in a time that does not depend on how much of a token is right; no header at all is the anonymous caller. */
export function tokenAuthenticator(tokens: readonly TokenCaller[]): Authenticate {
  const known = tokens.map(({ token, caller }) => {
    if (token.length < 32) throw new RangeError(`the token of ${caller.name} is shorter than 32 characters`);
    return { digest: digest(token), caller: { name: caller.name, groups: [...new Set([...caller.groups, 'system:authenticated'])] } };
  });
  return (authorization) => {
    if (authorization === undefined) return ANONYMOUS;
    const token = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(authorization)?.[1];
    if (token === undefined) return undefined;
    const given = digest(token);
    let found: Caller | undefined;
    for (const one of known) if (timingSafeEqual(one.digest, given)) found = one.caller;
    return found;
  };
}

/** As `authenticate`, which is asked once for each header that a connection sends again and again. */
export function perConnection(authenticate: Authenticate): (connection: object, authorization: string | undefined) => Caller | undefined {
  const latest = new WeakMap<object, { readonly authorization: string | undefined; readonly caller: Caller | undefined }>();
  return (connection, authorization) => {
    const known = latest.get(connection);
    if (known !== undefined && known.authorization === authorization) return known.caller;
    const caller = authenticate(authorization);
    latest.set(connection, { authorization, caller });
    return caller;
  };
}
