import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ApiError } from '../../apis/meta/api-error.ts';

/** How many fields are still read of a body: a few bytes may stand for an object each, so bytes alone bound too little. */
export interface FieldBudget {
  left: number;
}

/** A field of a message whose value comes next; whoever gets it reads it with one function of this file, or skips it. */
export interface FieldCursor {
  readonly reader: BinaryReader;
  readonly number: number;
  readonly wire: WireType;
  /** The message that it is part of, such as `metadata.ownerReferences`; for error messages. */
  readonly path: string;
}

// The mark that some texts begin with is part of them, and a text that is no UTF-8 is an error, as in a JSON body.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a body answers to that is not the protobuf it says it is: BadRequest, with the place. */
export function malformed(path: string, why: string, cause?: unknown): ApiError {
  return new ApiError('BadRequest', `the body is not readable as protobuf at ${path}: ${why}`, { cause });
}

function guarded<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw malformed(path, cause instanceof Error ? cause.message : 'unreadable', cause);
  }
}

/** The fields of a message in the order of its bytes; throws BadRequest where they are malformed or too many. */
export function* fieldsOf(bytes: Uint8Array, path: string, budget: FieldBudget): Generator<FieldCursor, void> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    if (budget.left <= 0) throw malformed(path, 'the body has more fields than any object needs');
    budget.left -= 1;
    const [number, wire] = guarded(path, () => reader.tag());
    yield { reader, number, wire, path };
  }
}

function expectWire({ wire, number, path }: FieldCursor, expected: WireType): void {
  if (wire !== expected) throw malformed(path, `field ${String(number)} is of wire type ${String(wire)} instead of ${String(expected)}`);
}

/** The bytes of a message, a text or a map's entry; throws BadRequest. */
export function takeBytes(cursor: FieldCursor): Uint8Array {
  expectWire(cursor, WireType.LengthDelimited);
  return guarded(cursor.path, () => cursor.reader.bytes());
}

/** A text; throws BadRequest, also where it is no UTF-8. */
export function takeText(cursor: FieldCursor): string {
  const bytes = takeBytes(cursor);
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw malformed(cursor.path, `field ${String(cursor.number)} is not UTF-8`, cause);
  }
}

/** An integer of up to 64 bits; throws BadRequest, also where a JSON number could not hold it exactly. */
export function takeInteger(cursor: FieldCursor): number {
  expectWire(cursor, WireType.Varint);
  const value = Number(guarded(cursor.path, () => cursor.reader.int64()));
  if (Number.isSafeInteger(value)) return value;
  throw malformed(cursor.path, `field ${String(cursor.number)} is an integer beyond 2^53`);
}

/** A boolean; throws BadRequest. */
export function takeBoolean(cursor: FieldCursor): boolean {
  expectWire(cursor, WireType.Varint);
  return guarded(cursor.path, () => cursor.reader.bool());
}

/** The bytes of a value of any type; throws BadRequest for groups, which no Kubernetes message has and which nest. */
function takeAnything({ reader, number, wire, path }: FieldCursor): Uint8Array {
  if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw malformed(path, `field ${String(number)} is a group`);
  return guarded(path, () => reader.skip(wire, number));
}

/** Passes over a field whatever it holds; throws BadRequest where it is malformed. */
export function ignoreField(cursor: FieldCursor): void {
  takeAnything(cursor);
}

/** Passes over an unknown field that nobody set; throws UnsupportedMediaType where it holds something, for that would be lost, and BadRequest. */
export function refuseField(cursor: FieldCursor): void {
  // Clients write many fields also when they are empty: a zero, or a length of zero.
  if (takeAnything(cursor).every((byte) => byte === 0)) return;
  throw new ApiError(
    'UnsupportedMediaType',
    `field ${String(cursor.number)} of ${cursor.path} is not known, so that it cannot be read as protobuf: send application/json`,
  );
}
