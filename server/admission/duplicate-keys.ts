interface Frame {
  /** Of an object: the keys so far. Of a list: undefined. */
  readonly keys: Set<string> | undefined;
  index: number;
  key: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

/** Where the string that begins at `from` ends: an escaped quote has an odd number of backslashes before it. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); ; end = text.indexOf('"', end + 1)) {
    if (end < 0) return text.length;
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
}

function pathOf(stack: readonly Frame[]): string {
  return stack.reduce((path, { keys, index, key }) => {
    if (keys === undefined) return `${path}[${String(index)}]`;
    return path === '' ? key : `${path}.${key}`;
  }, '');
}

/** Paths of the keys that a JSON text gives more than once in one object. The text must be valid JSON. */
export function duplicateKeys(text: string): readonly string[] {
  const found = new Set<string>();
  const stack: Frame[] = [];
  let top: Frame | undefined;
  let expectsKey = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (expectsKey && top?.keys !== undefined) {
        const raw = text.slice(at + 1, end);
        top.key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
        if (top.keys.has(top.key)) found.add(pathOf(stack));
        top.keys.add(top.key);
        expectsKey = false;
      }
      at = end;
    } else if (code === BRACE || code === BRACKET) {
      expectsKey = code === BRACE;
      top = { keys: expectsKey ? new Set() : undefined, index: 0, key: '' };
      stack.push(top);
    } else if (code === BRACE_END || code === BRACKET_END) {
      stack.pop();
      top = stack.at(-1);
      expectsKey = false;
    } else if (code === COMMA && top !== undefined) {
      top.index += 1;
      expectsKey = top.keys !== undefined;
    }
  }
  return [...found];
}
