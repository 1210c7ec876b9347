import { readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { onPath } from '../../hack/programs.ts';

/** Every kubectl of this machine, by name: the one on PATH, and those of other versions that lie beside it as `kubectl.1.NN`. */
export function kubectls(): readonly (readonly [name: string, path: string])[] {
  const found = onPath('kubectl');
  if (found === undefined) return [];
  const folder = dirname(realpathSync(found));
  const others = readdirSync(folder).filter((name) => /^kubectl\.1\.(2[7-9]|3[0-9])$/.test(name));
  return [['kubectl', found], ...others.sort().map((name) => [basename(name), join(folder, name)] as const)];
}
