interface Frame {
  /** Of an object: the keys so far. Of a list: undefined. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  index: number;
  key: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

function childPath({ keys, path, index, key }: Frame): string {
  if (keys === undefined) return `${path}[${String(index)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** Paths of the keys that a JSON text gives more than once in one object. The text must be valid JSON. */
export function duplicateKeys(text: string): readonly string[] {
  const found = new Set<string>();
  const stack: Frame[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const top = stack.at(-1);
    if (token === '{' || token === '[') {
      stack.push({ keys: token === '{' ? new Set() : undefined, path: top === undefined ? '' : childPath(top), index: 0, key: '' });
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      stack.pop();
      expectsKey = false;
    } else if (token === ',') {
      if (top !== undefined) top.index += 1;
      expectsKey = top?.keys !== undefined;
    } else if (token !== ':' && expectsKey && top?.keys !== undefined) {
      top.key = JSON.parse(token) as string;
      if (top.keys.has(top.key)) found.add(childPath(top));
      top.keys.add(top.key);
      expectsKey = false;
    }
  }
  return [...found];
}
