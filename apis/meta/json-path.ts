/** A compiled JSONPath: all values that it finds in an object, in order. */
export type JsonPath = (value: unknown) => readonly unknown[];

type Step = (value: unknown) => readonly unknown[];

const NAME = /^\.([A-Za-z_][A-Za-z0-9_-]*)/;
const QUOTED = /^(?:\.?\[)(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const INDEX = /^\[(-?[0-9]{1,9})\]/;
const WILDCARD = /^(?:\[\*\]|\.\*)/;
const FILTER = /^\[\?\(\s*@((?:\.[A-Za-z_][A-Za-z0-9_-]*)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|(true|false|-?[0-9]+(?:\.[0-9]+)?))\s*\)\]/;

function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function child(name: string): Step {
  return (value) => {
    const found = own(value, name);
    return found === undefined ? [] : [found];
  };
}

function element(index: number): Step {
  return (value) => {
    const found: unknown = Array.isArray(value) ? value.at(index) : undefined;
    return found === undefined ? [] : [found];
  };
}

function all(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function filter(path: readonly string[], equal: boolean, wanted: unknown): Step {
  return (value) => {
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    return items.filter((item) => {
      const found = path.reduce<unknown>(own, item);
      return found !== undefined && (found === wanted) === equal;
    });
  };
}

function stepAt(text: string): { readonly step: Step; readonly length: number } | undefined {
  const name = NAME.exec(text);
  if (name !== null) return { step: child(name[1] ?? ''), length: name[0].length };
  const quoted = QUOTED.exec(text);
  if (quoted !== null) return { step: child((quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(.)/g, '$1')), length: quoted[0].length };
  const index = INDEX.exec(text);
  if (index !== null) return { step: element(Number(index[1])), length: index[0].length };
  const wildcard = WILDCARD.exec(text);
  if (wildcard !== null) return { step: all, length: wildcard[0].length };
  const match = FILTER.exec(text);
  if (match === null) return undefined;
  const [whole, path = '', operator, double, single, bare] = match;
  const wanted: unknown = double ?? single ?? JSON.parse(bare ?? 'null');
  return { step: filter(path.slice(1).split('.'), operator === '==', wanted), length: whole.length };
}

/** Compiles the part of JSONPath that CRDs use: `.a.b`, `['a.b']`, `[0]`, `[-1]`, `[*]`, `[?(@.x=="y")]`; throws a RangeError that says where it does not understand. */
export function jsonPathOf(path: string): JsonPath {
  const steps: Step[] = [];
  for (let at = 0; at < path.length;) {
    const found = stepAt(path.slice(at));
    if (found === undefined) throw new RangeError(`JSONPath ${path}: not understood at character ${at + 1}`);
    steps.push(found.step);
    at += found.length;
  }
  return (value) => steps.reduce<readonly unknown[]>((values, step) => values.flatMap(step), [value]);
}
