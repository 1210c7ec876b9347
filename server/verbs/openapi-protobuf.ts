import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

type Json = Readonly<Record<string, unknown>>;
type Write = (writer: BinaryWriter) => void;

// Field numbers of gnostic's OpenAPIv2.proto, which client-go reads.
const DOCUMENT = { swagger: 1, info: 2, definitions: 9 } as const;
const INFO = { title: 1, version: 2 } as const;
const NAMED = { name: 1, value: 2 } as const;
const ENTRIES = 1;
const ANY_YAML = 2;
const SCHEMA = {
  ref: 1,
  format: 2,
  description: 4,
  required: 19,
  additionalProperties: 21,
  type: 22,
  items: 23,
  properties: 25,
  extension: 31,
} as const;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

function named(writer: BinaryWriter, field: number, name: string, write: Write): void {
  message(writer, field, (entry) => {
    text(entry, NAMED.name, name);
    message(entry, NAMED.value, write);
  });
}

function namedSchemas(writer: BinaryWriter, field: number, schemas: Json): void {
  message(writer, field, (list) => {
    for (const [name, inner] of Object.entries(schemas)) named(list, ENTRIES, name, (value) => schema(value, inner));
  });
}

function schema(writer: BinaryWriter, value: unknown): void {
  if (!isJson(value)) return;
  text(writer, SCHEMA.ref, value.$ref);
  text(writer, SCHEMA.format, value.format);
  text(writer, SCHEMA.description, value.description);
  if (Array.isArray(value.required)) for (const name of value.required) text(writer, SCHEMA.required, name);
  const { additionalProperties, items, properties, type } = value;
  if (isJson(additionalProperties)) {
    message(writer, SCHEMA.additionalProperties, (item) => message(item, ENTRIES, (inner) => schema(inner, additionalProperties)));
  }
  if (type !== undefined) message(writer, SCHEMA.type, (item) => text(item, ENTRIES, type));
  if (isJson(items)) message(writer, SCHEMA.items, (item) => message(item, ENTRIES, (inner) => schema(inner, items)));
  if (isJson(properties)) namedSchemas(writer, SCHEMA.properties, properties);
  for (const [name, extension] of Object.entries(value)) {
    // The value of an extension is YAML, which JSON is.
    if (name.startsWith('x-')) named(writer, SCHEMA.extension, name, (any) => text(any, ANY_YAML, JSON.stringify(extension)));
  }
}

/** An OpenAPI v2 document in the binary form that client-go asks for: its definitions with types, descriptions and extensions, without paths and bounds. */
export function openApiV2Bytes(document: Json): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, DOCUMENT.swagger, document.swagger);
  message(writer, DOCUMENT.info, (info) => {
    const { title, version } = isJson(document.info) ? document.info : {};
    text(info, INFO.title, title);
    text(info, INFO.version, version);
  });
  namedSchemas(writer, DOCUMENT.definitions, isJson(document.definitions) ? document.definitions : {});
  return writer.finish();
}
