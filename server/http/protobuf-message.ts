import {
  fieldsOf,
  ignoreField,
  malformed,
  refuseField,
  takeBoolean,
  takeBytes,
  takeInteger,
  takeText,
  type FieldBudget,
  type FieldCursor,
} from './protobuf-fields.ts';
import type { ProtobufField, ProtobufMessage } from './protobuf-schema.ts';

type Values = Record<string, unknown>;

/** The first and the last second of the years 1 to 9999, which are those that a timestamp's four digits can say. */
const FIRST_SECOND = Date.parse('0001-01-01T00:00:00Z') / 1000;
const LAST_SECOND = Date.parse('9999-12-31T23:59:59Z') / 1000;

/** An object without a prototype: keys come from clients, and `__proto__` is one like all others until admission refuses it. */
function empty(): Values {
  return Object.create(null) as Values;
}

function recordAt(values: Values, name: string): Values {
  return (values[name] ??= empty()) as Values;
}

function listAt(values: Values, name: string): unknown[] {
  return (values[name] ??= []) as unknown[];
}

/** A timestamp as JSON clients write it, undefined where it is empty: nobody set it. */
function timeOf(bytes: Uint8Array, path: string, precision: 'time' | 'microtime', budget: FieldBudget): string | undefined {
  if (bytes.length === 0) return undefined;
  let seconds = 0;
  let nanos = 0;
  for (const cursor of fieldsOf(bytes, path, budget)) {
    if (cursor.number === 1) seconds = takeInteger(cursor);
    else if (cursor.number === 2) nanos = takeInteger(cursor);
    else refuseField(cursor);
  }
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) throw malformed(path, 'the time is not between the years 1 and 9999');
  if (nanos < 0 || nanos > 999_999_999) throw malformed(path, 'the time has nanoseconds that are no part of a second');
  const text = new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length);
  if (precision === 'time') return `${text}Z`;
  return `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function scalarOf(cursor: FieldCursor, field: Extract<ProtobufField, { zero: unknown }>, budget: FieldBudget): unknown {
  switch (field.type) {
    case 'string':
      return takeText(cursor);
    case 'int':
      return takeInteger(cursor);
    case 'bool':
      return takeBoolean(cursor);
    case 'time':
    case 'microtime':
      return timeOf(takeBytes(cursor), `${cursor.path}.${field.name}`, field.type, budget);
  }
}

function readEntry(bytes: Uint8Array, path: string, entries: Values, budget: FieldBudget): void {
  let key = '';
  let value = '';
  for (const cursor of fieldsOf(bytes, path, budget)) {
    if (cursor.number === 1) key = takeText(cursor);
    else if (cursor.number === 2) value = takeText(cursor);
    else refuseField(cursor);
  }
  entries[key] = value;
}

function readField(cursor: FieldCursor, field: ProtobufField, into: Values, budget: FieldBudget): void {
  const { name } = field;
  const path = `${cursor.path}.${name}`;
  switch (field.type) {
    case 'ignored':
      ignoreField(cursor);
      return;
    case 'message':
      // A message that comes in several pieces is their union, which is what protobuf says of it.
      readInto(takeBytes(cursor), path, field.message, recordAt(into, name), budget);
      return;
    case 'messages': {
      const item = empty();
      readInto(takeBytes(cursor), path, field.message, item, budget);
      listAt(into, name).push(item);
      return;
    }
    case 'strings':
      listAt(into, name).push(takeText(cursor));
      return;
    case 'map':
      readEntry(takeBytes(cursor), path, recordAt(into, name), budget);
      return;
    default: {
      const value = scalarOf(cursor, field, budget);
      const isZero = value === '' || value === 0 || value === false;
      into[name] = isZero && field.zero === 'dropped' ? undefined : value;
    }
  }
}

function readInto(bytes: Uint8Array, path: string, message: ProtobufMessage, into: Values, budget: FieldBudget): void {
  for (const cursor of fieldsOf(bytes, path, budget)) {
    const field = message.get(cursor.number);
    if (field === undefined) refuseField(cursor);
    else readField(cursor, field, into, budget);
  }
}

/** A message as the object that a JSON client would send, undefined for what is not set; throws BadRequest, which names `path` and the part. */
export function readMessage(
  bytes: Uint8Array,
  path: string,
  message: ProtobufMessage,
  budget: FieldBudget,
): Readonly<Record<string, unknown>> {
  const values = empty();
  readInto(bytes, path, message, values, budget);
  return values;
}
