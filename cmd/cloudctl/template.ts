import { jsonPathOf, type JsonPath } from '../../apis/meta/json-path.ts';
import { UsageError } from './usage-error.ts';

/** A part of a template: text, all values of a path side by side, or a part that is repeated for each value of a path. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  | { readonly kind: 'range'; readonly path: JsonPath; readonly parts: readonly Part[] };

/** Compiles kubectl's JSONPath templates: text, `{.path}`, `{"\n"}`, `{range .items[*]}…{end}`. Throws UsageError. */
export function templateOf(template: string): (value: unknown) => string {
  const pieces = [...template.matchAll(/\{((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^{}"'])*)\}|([^{]+)|(\{)/g)];
  const open: { readonly path?: JsonPath; readonly parts: Part[] }[] = [{ parts: [] }];
  for (const [, inside, text, stray] of pieces) {
    const top = open.at(-1);
    if (stray !== undefined || top === undefined) throw new UsageError(`jsonpath ${template}: a brace is not closed`);
    if (text !== undefined) top.parts.push({ kind: 'text', text });
    else addPart(open, (inside ?? '').trim(), template);
  }
  if (open.length !== 1) throw new UsageError(`jsonpath ${template}: a range has no {end}`);
  const parts = open[0]?.parts ?? [];
  return (value) => render(parts, value);
}

function addPart(open: { readonly path?: JsonPath; readonly parts: Part[] }[], inside: string, template: string): void {
  const top = open.at(-1);
  if (inside === 'end') {
    const closed = open.pop();
    const outer = open.at(-1);
    if (closed?.path === undefined || outer === undefined) throw new UsageError(`jsonpath ${template}: {end} without a range`);
    outer.parts.push({ kind: 'range', path: closed.path, parts: closed.parts });
  } else if (inside.startsWith('range ')) open.push({ path: compile(inside.slice('range '.length).trim(), template), parts: [] });
  else if (inside.startsWith('"')) top?.parts.push({ kind: 'text', text: JSON.parse(inside) as string });
  else if (inside.startsWith("'")) top?.parts.push({ kind: 'text', text: inside.slice(1, -1) });
  else top?.parts.push({ kind: 'path', path: compile(inside, template) });
}

/** In brackets or after a dot; only the latter, with a backslash in it, is rewritten. */
const ESCAPED_NAME = /\[[^\]]*\]|\.((?:[^.[\]\\]|\\.)+)/g;

/** `.kubectl\.kubernetes\.io/x` as `['kubectl.kubernetes.io/x']`. */
function quotedName(all: string, name: string | undefined): string {
  return name?.includes('\\') === true ? `["${name.replaceAll(/\\(.)/g, '$1').replaceAll(/["\\]/g, '\\$&')}"]` : all;
}

function compile(path: string, template: string): JsonPath {
  const relative = path.replace(/^[$@]/, '').replaceAll(ESCAPED_NAME, quotedName);
  try {
    return jsonPathOf(relative === '' || relative.startsWith('.') || relative.startsWith('[') ? relative : `.${relative}`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`jsonpath ${template}: ${error.message}`);
  }
}

function textOf(found: unknown): string {
  return typeof found === 'string' ? found : JSON.stringify(found);
}

/** Compiles one path, with its braces or without: all that it finds, as text. Throws UsageError. */
export function textsOf(path: string): (value: unknown) => readonly string[] {
  const find = compile(path.replace(/^\{(.*)\}$/s, '$1').trim(), path);
  return (value) => find(value).map(textOf);
}

function render(parts: readonly Part[], value: unknown): string {
  return parts
    .map((part) => {
      if (part.kind === 'text') return part.text;
      if (part.kind === 'range')
        return part
          .path(value)
          .map((item) => render(part.parts, item))
          .join('');
      return part.path(value).map(textOf).join(' ');
    })
    .join('');
}
