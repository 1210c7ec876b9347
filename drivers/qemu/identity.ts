import { createHash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Twelve characters that stand for `text` in paths, device ids and node names: short enough for socket paths, the same in every process. */
export function shortId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** `uid` where it is a UUID already, else one derived from it: what the engine shows to guests and answers to query-uuid. */
export function uuidOf(uid: string): string {
  if (UUID.test(uid)) return uid;
  const hex = createHash('sha256').update(uid).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
