import type { Forest } from '../cloudctl/tree.ts';
import { renderTree } from '../cloudctl/commands/tree.ts';

/** The part of a terminal or pipe that progress is shown on. */
export interface Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string): void;
}

/** Shows the tree as it changes: redrawn in place on a terminal; on a pipe, one line for each thing that changed. */
export function showProgress(screen: Screen, options: { readonly colour: boolean }): (forest: Forest) => void {
  let drawn = 0;
  let before = new Set<string>();
  return (forest) => {
    const lines = renderTree(forest, { colour: screen.isTTY && options.colour });
    if (screen.isTTY) {
      const up = drawn === 0 ? '' : `\u001b[${String(drawn)}A`;
      screen.write(`${up}${lines.map((line) => `\u001b[2K${clip(line, screen.columns)}\n`).join('')}\u001b[J`);
      drawn = lines.length;
      return;
    }
    for (const line of lines) if (!before.has(line)) screen.write(`${line}\n`);
    before = new Set(lines);
  };
}

/** Cuts a line to the screen's width, so that it takes one row; colour codes take no room. */
function clip(line: string, width: number): string {
  let shown = 0;
  let index = 0;
  while (index < line.length && shown < width) {
    if (line[index] === '\u001b') index = line.indexOf('m', index) + 1;
    else {
      index += 1;
      shown += 1;
    }
  }
  return index < line.length ? `${line.slice(0, index)}\u001b[0m` : line;
}
