import { ApiError } from '../../apis/meta/api-error.ts';
import { fieldsOf, malformed, refuseField, takeBytes, takeText, type FieldBudget } from './protobuf-fields.ts';
import { readMessage } from './protobuf-message.ts';
import { protobufMessageOf } from './protobuf-schema.ts';

/** The media type that Kubernetes' own clients send for Kubernetes' own kinds. */
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/** More fields than an object of the largest size that is stored has in practice, and few enough to hold in memory at once. */
const FIELDS_LIMIT = 65_536;
/** What every body begins with, before its envelope. */
const MAGIC: readonly number[] = [0x6b, 0x38, 0x73, 0x00];
/** How much of a client's text is repeated in an error. */
const QUOTED = 63;

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly encoding: string;
  readonly type: string;
  readonly raw: Uint8Array | undefined;
}

function typeOf(bytes: Uint8Array, budget: FieldBudget): { readonly apiVersion: string; readonly kind: string } {
  let apiVersion = '';
  let kind = '';
  for (const cursor of fieldsOf(bytes, 'the type', budget)) {
    if (cursor.number === 1) apiVersion = takeText(cursor);
    else if (cursor.number === 2) kind = takeText(cursor);
    else refuseField(cursor);
  }
  return { apiVersion, kind };
}

function envelopeOf(bytes: Uint8Array, budget: FieldBudget): Envelope {
  let envelope: Envelope = { apiVersion: '', kind: '', encoding: '', type: '', raw: undefined };
  for (const cursor of fieldsOf(bytes, 'the envelope', budget)) {
    if (cursor.number === 1) envelope = { ...envelope, ...typeOf(takeBytes(cursor), budget) };
    else if (cursor.number === 2) envelope = { ...envelope, raw: takeBytes(cursor) };
    else if (cursor.number === 3) envelope = { ...envelope, encoding: takeText(cursor) };
    else if (cursor.number === 4) envelope = { ...envelope, type: takeText(cursor) };
    else refuseField(cursor);
  }
  return envelope;
}

function unsupported(what: string): ApiError {
  return new ApiError('UnsupportedMediaType', `${what}: send application/json or application/yaml`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, QUOTED));
}

/** The JSON text of an object that came as protobuf; ApiError BadRequest where the bytes are malformed, UnsupportedMediaType for kinds that come as JSON only. */
export function jsonOfProtobuf(body: Uint8Array): string {
  if (!MAGIC.every((byte, index) => body[index] === byte)) throw malformed('its first four bytes', 'they are not "k8s" and a zero');
  const budget = { left: FIELDS_LIMIT };
  const { apiVersion, kind, encoding, type, raw } = envelopeOf(body.subarray(MAGIC.length), budget);
  if (kind === '' || apiVersion === '') throw malformed('the envelope', 'it does not say the apiVersion and kind of its object');
  if (raw === undefined) throw malformed('the envelope', 'it has no object');
  if (encoding !== '') throw unsupported(`the object in the body has an encoding of its own (${quoted(encoding)})`);
  if (type !== '' && type !== PROTOBUF_TYPE) throw unsupported(`the object in the body is no protobuf (${quoted(type)})`);
  const message = protobufMessageOf(apiVersion, kind);
  if (message === undefined) {
    throw unsupported(`objects of apiVersion ${quoted(apiVersion)} and kind ${quoted(kind)} are not read as protobuf (${PROTOBUF_TYPE})`);
  }
  return JSON.stringify({ apiVersion, kind, ...readMessage(raw, kind, message, budget) });
}
