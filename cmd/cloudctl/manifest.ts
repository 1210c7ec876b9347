import {
  boolYaml11Tag,
  constructFromEvents,
  CORE_SCHEMA,
  EVENT_ID,
  floatYaml11Tag,
  getScalarValue,
  intYaml11Tag,
  mergeTag,
  nullYaml11Tag,
  parseEvents,
  YAMLException,
  type Event,
} from 'js-yaml';

/** A place in a file: both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One YAML document of a file, with where each of its fields stands. */
export interface Manifest {
  readonly file: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Where a field such as `spec.disks[0].name` stands, or the nearest field around it. */
  readonly positionOf: (field: string) => Position;
}

/** `file:line:column` of a field. */
export function placeOf(manifest: Manifest, field: string): string {
  const { line, column } = manifest.positionOf(field);
  return `${manifest.file}:${String(line)}:${String(column)}`;
}

/** A file that cannot be used; the message begins with `file:line:column:` where that is known. */
export class ManifestError extends Error {
  constructor(message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = 'ManifestError';
  }
}

/** The YAML that kubectl reads: YAML 1.1 scalars and merge keys, but timestamps stay text. */
const KUBECTL_SCHEMA = CORE_SCHEMA.withTags(boolYaml11Tag, intYaml11Tag, floatYaml11Tag, nullYaml11Tag, mergeTag);

/** More aliases than any honest file has; a bomb needs many. */
const MAX_ALIASES = 200;

/** Reads all documents of a file that is YAML or JSON; empty documents are skipped. Throws ManifestError. */
export function readManifests(file: string, text: string): readonly Manifest[] {
  const lines = lineStarts(text);
  const at = (offset: number): Position => positionAt(lines, offset);
  try {
    const events = parseEvents(text, { filename: file });
    const values = constructFromEvents(events, { source: text, schema: KUBECTL_SCHEMA, maxAliases: MAX_ALIASES });
    const offsets = fieldOffsets(text, events);
    return values.flatMap((value, index) => {
      if (value === null || value === undefined) return [];
      const fields = offsets[index] ?? new Map<string, number>();
      if (!isRecord(value)) {
        const { line, column } = at(fields.get('') ?? 0);
        throw new ManifestError(
          `${file}:${String(line)}:${String(column)}: a document must be a mapping with apiVersion, kind and metadata`,
        );
      }
      return itemsOf({ file, value, positionOf: (field) => at(nearest(fields, field)) });
    });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line, column } = at(error.mark?.position ?? 0);
    throw new ManifestError(`${file}:${String(line)}:${String(column)}: this is not YAML: ${error.reason}`, { cause: error });
  }
}

/** The items of a v1 List, such as `get -o yaml` prints; anything else is itself. */
function itemsOf(manifest: Manifest): readonly Manifest[] {
  const { file, value, positionOf } = manifest;
  const { apiVersion, kind, items } = value;
  if (apiVersion !== 'v1' || kind !== 'List' || !Array.isArray(items)) return [manifest];
  return items.map((item: unknown, index) => {
    const at = (field: string): Position => positionOf(`items[${String(index)}]${field === '' ? '' : `.${field}`}`);
    if (isRecord(item)) return { file, value: item, positionOf: at };
    const { line, column } = at('');
    throw new ManifestError(`${file}:${String(line)}:${String(column)}: an item must be a mapping with apiVersion, kind and metadata`);
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) starts.push(index + 1);
  return starts;
}

function positionAt(starts: readonly number[], offset: number): Position {
  const line = starts.findLastIndex((start) => start <= offset);
  return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
}

/** The offset of the field, or of the closest of its parents that the file names. */
function nearest(fields: ReadonlyMap<string, number>, field: string): number {
  for (let path = field; path !== ''; path = path.replace(/(^|\.)[^.[\]]+$|\[[^\]]*\]$/, '')) {
    const offset = fields.get(path);
    if (offset !== undefined) return offset;
  }
  return fields.get('') ?? 0;
}

interface Frame {
  readonly path: string;
  readonly kind: 'document' | 'sequence' | 'mapping';
  index: number;
  /** In a mapping: the key that waits for its value. */
  key: string | undefined;
}

/** For each document, the offset of every field's key (of every item's first character in lists), by path. */
function fieldOffsets(text: string, events: readonly Event[]): readonly ReadonlyMap<string, number>[] {
  const documents: Map<string, number>[] = [];
  const stack: Frame[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      stack.pop();
      continue;
    }
    if (event.type === EVENT_ID.DOCUMENT) {
      documents.push(new Map());
      stack.push({ path: '', kind: 'document', index: 0, key: undefined });
      continue;
    }
    const parent = stack.at(-1);
    const fields = documents.at(-1);
    if (parent === undefined || fields === undefined) continue;
    const path = enter(parent, event, text, fields);
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) {
      stack.push({ path: path ?? parent.path, kind: event.type === EVENT_ID.MAPPING ? 'mapping' : 'sequence', index: 0, key: undefined });
    }
  }
  return documents;
}

function startOf(event: Exclude<Event, { type: typeof EVENT_ID.POP | typeof EVENT_ID.DOCUMENT }>): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  return event.type === EVENT_ID.ALIAS ? event.anchorStart : event.start;
}

/** Notes where a node stands; returns its path, or undefined for a mapping's key. */
function enter(
  parent: Frame,
  event: Exclude<Event, { type: typeof EVENT_ID.POP | typeof EVENT_ID.DOCUMENT }>,
  text: string,
  fields: Map<string, number>,
): string | undefined {
  if (parent.kind === 'document') {
    fields.set('', startOf(event));
    return '';
  }
  if (parent.kind === 'sequence') {
    const path = `${parent.path}[${String(parent.index++)}]`;
    fields.set(path, startOf(event));
    return path;
  }
  if (parent.key === undefined) {
    parent.key = event.type === EVENT_ID.SCALAR ? getScalarValue(text, event) : '';
    const path = parent.path === '' ? parent.key : `${parent.path}.${parent.key}`;
    if (!fields.has(path)) fields.set(path, startOf(event));
    return undefined;
  }
  const path = parent.path === '' ? parent.key : `${parent.path}.${parent.key}`;
  parent.key = undefined;
  return path;
}
