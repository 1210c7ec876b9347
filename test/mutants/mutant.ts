/** A bug that somebody might well make: exact text of one file, and what stands in its place. */
export interface Mutant {
  readonly name: string;
  /** What is wrong with it, in one sentence. */
  readonly why: string;
  readonly file: string;
  readonly edits: readonly (readonly [find: string, put: string])[];
  /** The scenarios in which it is looked for first. */
  readonly prey: readonly string[];
  /** The tests beside the code that should find it, where the simulation cannot, or not soon. */
  readonly suites?: readonly string[];
}

/** The source with the bug; throws where the text that it changes is not there exactly once. */
export function seeded({ name, file, edits }: Mutant, source: string): string {
  return edits.reduce((text, [find, put]) => {
    const found = text.split(find).length - 1;
    if (found !== 1) throw new Error(`the seeded bug ${name} does not apply: ${file} holds this ${found} times and not once: ${find}`);
    return text.replace(find, () => put);
  }, source);
}
