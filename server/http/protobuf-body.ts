import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ApiError } from '../../apis/meta/api-error.ts';

/** The media type of Kubernetes' binary form, which kubectl sends for kinds that it has compiled in, such as Namespace. */
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

type Json = Readonly<Record<string, unknown>>;
type Shape = Readonly<Record<number, readonly [name: string, kind: 'text' | 'texts' | 'textMap' | 'empty' | 'zero' | Shape]>>;

const MAGIC = Buffer.from('k8s\0', 'latin1');
const TYPE_META: Shape = { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] };
// Field numbers of Kubernetes' generated.proto. Times that are not set are sent as empty messages.
const OBJECT_META: Shape = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  4: ['selfLink', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  7: ['generation', 'zero'],
  8: ['creationTimestamp', 'empty'],
  11: ['labels', 'textMap'],
  12: ['annotations', 'textMap'],
  14: ['finalizers', 'texts'],
};
const SHAPES: Readonly<Record<string, Shape>> = {
  'v1/Namespace': { 1: ['metadata', OBJECT_META], 2: ['spec', { 1: ['finalizers', 'texts'] }], 3: ['status', { 1: ['phase', 'text'] }] },
};

const DEPTH = 4;

function refused(what: string): ApiError {
  return new ApiError('UnsupportedMediaType', `${what} is not read in protobuf: send application/json`);
}

function entryOf(bytes: Uint8Array): readonly [string, string] {
  const entry = messageOf(bytes, { 1: ['key', 'text'], 2: ['value', 'text'] }, 0);
  return [typeof entry.key === 'string' ? entry.key : '', typeof entry.value === 'string' ? entry.value : ''];
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** What a field holds after one more occurrence of it. */
function valueOf(kind: Exclude<Shape[number][1], 'zero'>, content: Uint8Array, before: unknown, depth: number): unknown {
  switch (kind) {
    case 'text':
      return textOf(content);
    case 'texts':
      return [...((before as readonly string[] | undefined) ?? []), textOf(content)];
    case 'textMap':
      return Object.fromEntries([...Object.entries((before as Json | undefined) ?? {}), entryOf(content)]);
    case 'empty':
      if (content.length > 0) throw refused('a time that is set');
      return '';
    default:
      return messageOf(content, kind, depth + 1);
  }
}

function messageOf(bytes: Uint8Array, shape: Shape, depth: number): Json {
  if (depth > DEPTH) throw refused('what is nested so deeply');
  const reader = new BinaryReader(bytes);
  const made: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const [name, kind] = shape[number] ?? ['', undefined];
    if (kind === undefined || (wire === WireType.Varint) !== (kind === 'zero')) throw refused(`field ${number} of the body`);
    if (kind !== 'zero') made[name] = valueOf(kind, reader.bytes(), made[name], depth);
    else if (reader.int64().toString() !== '0') throw refused(name);
  }
  // What is not set is sent as empty text.
  return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== ''));
}

/** The JSON text of a body in Kubernetes' binary form; ApiError UnsupportedMediaType for a kind or field that is only read in JSON, BadRequest for what is no such form. */
export function jsonOfProtobuf(bytes: Uint8Array): string {
  if (!Buffer.from(bytes.subarray(0, MAGIC.length)).equals(MAGIC))
    throw new ApiError('BadRequest', 'the body is not in Kubernetes’ protobuf form');
  try {
    const reader = new BinaryReader(bytes.subarray(MAGIC.length));
    let type: Json = {};
    let raw = new Uint8Array();
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (number === 1) type = messageOf(reader.bytes(), TYPE_META, 0);
      else if (number === 2) raw = Uint8Array.from(reader.bytes());
      else reader.skip(wire, number);
    }
    const shape = SHAPES[`${String(type.apiVersion)}/${String(type.kind)}`];
    if (shape === undefined) throw refused(String(type.kind));
    return JSON.stringify({ ...type, ...messageOf(raw, shape, 0) });
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw new ApiError('BadRequest', 'the body is not in Kubernetes’ protobuf form', { cause });
  }
}
