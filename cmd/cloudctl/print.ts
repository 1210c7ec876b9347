import { dump } from 'js-yaml';

interface Column {
  readonly name: string;
  readonly priority?: number;
}

/** meta.k8s.io/v1 Table, as far as it is printed. */
export interface Table {
  readonly columnDefinitions?: readonly Column[];
  readonly rows?: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { readonly metadata?: { readonly namespace?: string } };
  }[];
}

/** The Accept header that asks for a Table where there is one. */
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

/** The narrowest column of kubectl, with the spaces after it. */
const LEAST_WIDTH = 6;

/** Pads rows into columns that grow with what comes, and never become narrower again. */
export function columnWriter(): (rows: readonly (readonly string[])[]) => readonly string[] {
  const widths: number[] = [];
  return (rows) => {
    const texts = rows.map((row) => row.map(printable));
    for (const row of texts) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? LEAST_WIDTH, cell.length + 3)));
    return texts.map((row) => row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join(''));
  };
}

/** Rows padded into columns, as kubectl prints them: at least three spaces between, none at the end. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  return columnWriter()(rows);
}

/** A text on one line, without what moves a terminal's cursor, changes its colours or turns the direction of writing: objects may say anything. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ');
}

/** The same for each line of a text. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

function textOf(cell: unknown): string {
  return printable(cell === null || cell === undefined ? '' : typeof cell === 'string' ? cell : JSON.stringify(cell));
}

/** A server's Table as rows of text, header first. */
export function tableRows(
  { columnDefinitions = [], rows = [] }: Table,
  options: { readonly wide: boolean; readonly namespaces: boolean; readonly prefix?: string },
): readonly (readonly string[])[] {
  const shown = columnDefinitions.flatMap(({ priority = 0 }, index) => (priority === 0 || options.wide ? [index] : []));
  const header = [
    ...(options.namespaces ? ['NAMESPACE'] : []),
    ...shown.map((index) => (columnDefinitions[index]?.name ?? '').toUpperCase()),
  ];
  const body = rows.map(({ cells, object }) => {
    const texts = shown.map((index) => {
      const text = textOf(cells[index]);
      return columnDefinitions[index]?.name === 'Name' && options.prefix !== undefined ? `${options.prefix}/${text}` : text;
    });
    return [...(options.namespaces ? [object?.metadata?.namespace ?? ''] : []), ...texts];
  });
  return [header, ...body];
}

/** YAML of a JSON value as kubectl would print it; ends with a newline. Keys stand in order unless they shall stand as the server gives them. */
export function yamlOf(value: unknown, { sortKeys = true }: { readonly sortKeys?: boolean } = {}): string {
  return dump(value, { lineWidth: -1, noRefs: true, seqNoIndent: true, quoteStyle: 'double', sortKeys });
}
