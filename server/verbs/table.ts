import { humanDuration } from '../../apis/meta/duration.ts';
import type { KindDefinition, PrinterColumn } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { jsonPathOf } from '../../apis/meta/json-path.ts';

/** A meta.k8s.io/v1 Table: cells for people, and the objects that they are of. */
export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: unknown }[];
}

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** Milliseconds since the Unix epoch, which ages are counted to. */
  readonly nowMs: number;
  /** What a row carries beside its cells; Metadata unless told. */
  readonly includeObject?: IncludeObject;
  /** The list's own metadata: resourceVersion, continue, remainingItemCount. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** False: no column definitions, as in a watch after its first event. */
  readonly definitions?: boolean;
}

interface Column {
  readonly definition: TableColumn;
  readonly cell: (object: ApiObject, nowMs: number) => unknown;
}

const NAME: PrinterColumn = { name: 'Name', type: 'string', jsonPath: '.metadata.name', description: 'The name, unique in its scope.' };

const compiled = new WeakMap<KindDefinition, readonly Column[]>();

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function cellOf(type: PrinterColumn['type'], values: readonly unknown[], nowMs: number): unknown {
  const [value] = values;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return values.map(textOf).join(' ');
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date': {
      const at = typeof value === 'string' ? Date.parse(value) : NaN;
      return Number.isNaN(at) ? '<invalid>' : humanDuration(nowMs - at);
    }
  }
}

function columnOf(column: PrinterColumn): Column {
  const { name, type, description, priority = 0 } = column;
  const definition = { name, type, format: name === 'Name' ? 'name' : '', description, priority };
  const { cell } = column;
  if (cell !== undefined) return { definition, cell: (object, nowMs) => cellOf(type, [cell(object)], nowMs) };
  const find = jsonPathOf(column.jsonPath);
  return { definition, cell: (object, nowMs) => cellOf(type, find(object), nowMs) };
}

/** A kind's columns; Name comes first unless the kind says itself where it stands. */
function columnsOf(kind: KindDefinition): readonly Column[] {
  const known = compiled.get(kind);
  if (known !== undefined) return known;
  const named = kind.columns.some(({ jsonPath }) => jsonPath === NAME.jsonPath);
  const columns = (named ? kind.columns : [NAME, ...kind.columns]).map(columnOf);
  compiled.set(kind, columns);
  return columns;
}

/** An object without its fields: what metadata-only clients read. */
export function partialOf(object: ApiObject): Readonly<Record<string, unknown>> {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** A list of objects without their fields, before it has any. */
export function partialListOf(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata };
}

function rowObject(object: ApiObject, include: IncludeObject): { readonly object?: unknown } {
  switch (include) {
    case 'None':
      return {};
    case 'Metadata':
      return { object: partialOf(object) };
    case 'Object':
      return { object };
  }
}

/** The Table of some objects of a kind, one row each. */
export function tableOf(kind: KindDefinition, objects: readonly ApiObject[], options: TableOptions): Table {
  const columns = columnsOf(kind);
  const { nowMs, includeObject = 'Metadata', metadata = {}, definitions = true } = options;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: definitions ? columns.map(({ definition }) => definition) : [],
    rows: objects.map((object) => ({ cells: columns.map(({ cell }) => cell(object, nowMs)), ...rowObject(object, includeObject) })),
  };
}
