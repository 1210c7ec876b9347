import type { ApiResponse } from '../../apis/meta/request.ts';
import type { Entry } from '../registry/entry.ts';
import type { JsonObject } from '../registry/json.ts';
import { JSON_HEADERS } from './services.ts';

/** How the entries of a list become its items. */
export interface ItemShape {
  /** The list without its items. */
  readonly envelope: JsonObject;
  /** Where the items go: `items` or `rows`. */
  readonly field: string;
  readonly value: (entry: Entry) => unknown;
  readonly text: (entry: Entry) => string;
}

/** Bytes of one piece: long enough to be cheap, short enough that nobody waits for it. */
const PIECE_BYTES = 256 * 1024;
/** What a character of a string may take in UTF-8. */
const CHARACTER_BYTES = 3;

/** Bytes, and no strings as long as a piece: those would outlive the collections of young garbage, and the collection of old stops everybody. */
function* piecesOf(entries: readonly Entry[], { envelope, field, text }: ItemShape): Iterable<Uint8Array> {
  let piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let length = 0;
  const texts = (function* () {
    yield JSON.stringify({ ...envelope, [field]: [] }).slice(0, -2);
    for (const [index, entry] of entries.entries()) yield index === 0 ? text(entry) : `,${text(entry)}`;
    yield ']}';
  })();
  for (const next of texts) {
    const bytes = next.length * CHARACTER_BYTES;
    if (length + bytes > piece.length && length > 0) {
      yield piece.subarray(0, length);
      piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, bytes));
      length = 0;
    } else if (bytes > piece.length) piece = Buffer.allocUnsafeSlow(bytes);
    length += piece.write(next, length);
  }
  yield piece.subarray(0, length);
}

/** A list as an answer whose items are made one by one while it is sent. */
export function encodedList(entries: readonly Entry[], shape: ItemShape): ApiResponse {
  return {
    status: 200,
    headers: JSON_HEADERS,
    get body() {
      return { ...shape.envelope, [shape.field]: entries.map(shape.value) };
    },
    pieces: () => piecesOf(entries, shape),
  };
}
