/** What kubectl writes as \u003c and the like, so that the text can stand in HTML. */
const ESCAPED = /[<>&\u2028\u2029]/g;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([key, part]) => [key, sorted(part)]));
}

/** JSON in the very text that kubectl writes: keys in order, some characters escaped, a newline at the end. */
export function kubectlJson(value: unknown, indent = 0): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(sorted(value), null, indent).replaceAll(ESCAPED, escape)}\n`;
}
