import { ApiError } from '../../apis/meta/api-error.ts';

const CONTROL = /\p{Cc}/u;
/** A path that says what it means: nothing to decode, and no part that could be "." or "..". */
const PLAIN = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+\/?$/;

function segmentOf(raw: string): string {
  let segment: string;
  try {
    segment = decodeURIComponent(raw);
  } catch (cause) {
    throw new ApiError('BadRequest', 'the path has a percent sign that begins no UTF-8 character', { cause });
  }
  if (segment === '.' || segment === '..' || segment.includes('/') || CONTROL.test(segment)) {
    throw new ApiError('BadRequest', 'the path has a part that no name can be: ".", "..", an encoded "/" or a control character');
  }
  return segment;
}

/** A request target as a path that was decoded once, and its query in raw pairs; throws BadRequest or NotFound for a target that could mean two things. */
export function requestPathOf(target: string): {
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
} {
  if (!target.startsWith('/')) throw new ApiError('BadRequest', 'the request target must be a path');
  const mark = target.indexOf('?');
  const rawPath = mark === -1 ? target : target.slice(0, mark);
  if (rawPath.includes('//')) throw new ApiError('NotFound', 'nothing is served at a path with an empty part');
  const path = PLAIN.test(rawPath) ? rawPath : rawPath.split('/').map(segmentOf).join('/');
  return { path, query: mark === -1 ? [] : [...new URLSearchParams(target.slice(mark + 1))] };
}
