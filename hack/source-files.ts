import { glob } from 'node:fs/promises';
import { ROOT } from './run.ts';

/** Folders that hold nothing a person wrote. */
const SKIPPED = new Set(['node_modules', '.git', 'coverage', 'tmp', 'bench/out']);
/** Written by hack/generate.ts: no rule of style holds there. */
const GENERATED = /^(drivers\/contract\/gen|manifests\/crds)\//;

/** Every file of the project as a path with slashes, sorted; without what tools install, write or generate. */
export async function sourceFiles(signal: AbortSignal): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const entry of glob('**/*', { cwd: ROOT, withFileTypes: true, exclude: (each) => SKIPPED.has(relativePath(each)) })) {
    signal.throwIfAborted();
    const path = relativePath(entry);
    if (entry.isFile() && !GENERATED.test(path)) files.push(path);
  }
  return files.sort();
}

function relativePath({ parentPath, name }: { readonly parentPath: string; readonly name: string }): string {
  return parentPath === ROOT ? name : `${parentPath.slice(ROOT.length + 1)}/${name}`;
}
