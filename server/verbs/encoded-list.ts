import type { ApiResponse } from '../../apis/meta/request.ts';
import type { Entry } from '../registry/entry.ts';
import type { JsonObject } from '../registry/json.ts';

/** How the entries of a list become its items. */
export interface ItemShape {
  /** The list without its items. */
  readonly envelope: JsonObject;
  /** Where the items go: `items` or `rows`. */
  readonly field: string;
  readonly value: (entry: Entry) => unknown;
  readonly text: (entry: Entry) => string;
}

/** Characters of one piece: long enough to be cheap, short enough that nobody waits for it. */
const PIECE = 256 * 1024;

/** Bytes of just the size that is needed, and no string as long as a piece: it would outlive the collections of young garbage. */
function encode(texts: readonly string[]): Uint8Array {
  const piece = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0));
  let length = 0;
  for (const text of texts) length += piece.write(text, length);
  return piece;
}

function* piecesOf(entries: readonly Entry[], { envelope, field, text }: ItemShape): Iterable<Uint8Array> {
  let texts = [JSON.stringify({ ...envelope, [field]: [] }).slice(0, -2)];
  let length = 0;
  for (const [index, entry] of entries.entries()) {
    const item = text(entry);
    texts.push(index === 0 ? item : `,${item}`);
    length += item.length;
    if (length < PIECE) continue;
    yield encode(texts);
    texts = [];
    length = 0;
  }
  texts.push(']}');
  yield encode(texts);
}

/** A list as an answer whose items are made one by one while it is sent. */
export function encodedList(entries: readonly Entry[], shape: ItemShape, headers: ApiResponse['headers']): ApiResponse {
  return {
    status: 200,
    headers,
    get body() {
      return { ...shape.envelope, [shape.field]: entries.map(shape.value) };
    },
    pieces: () => piecesOf(entries, shape),
  };
}
