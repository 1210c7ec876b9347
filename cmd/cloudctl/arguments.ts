/** Options that take no value here, but `=true` or `=false` with kubectl. */
const SWITCHES = new Set([
  '--all',
  '--all-namespaces',
  '--client',
  '--ignore-not-found',
  '--no-headers',
  '--recursive',
  '--wait',
  '--watch',
]);

/** Switches that are on until they are turned off, by the word that turns them off. */
const OFF: Readonly<Record<string, string>> = { '--wait': '--no-wait' };

/** The words that commander understands for words as kubectl takes them: `-o=json`, `--wait=false`, `--ignore-not-found=true`. */
export function argumentsOf(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  const options = end === -1 ? words : words.slice(0, end);
  return [...options.flatMap(argument), ...words.slice(options.length)];
}

function argument(word: string): readonly string[] {
  const [, short, value] = /^(-[A-Za-z])=(.*)$/s.exec(word) ?? [];
  if (short !== undefined && value !== undefined) return [short, value];
  const [, long, state] = /^(--[a-z-]+)=(true|false)$/.exec(word) ?? [];
  if (long === undefined || !SWITCHES.has(long)) return [word];
  if (state === 'true') return [long];
  return OFF[long] === undefined ? [] : [OFF[long]];
}
