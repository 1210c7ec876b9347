import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ManifestError, readManifests, type Manifest } from './manifest.ts';

/** A file larger than this is no manifest. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** The manifests in files, in folders (their .yaml, .yml and .json files, in order of name) and, for `-`, on standard input. Throws ManifestError. */
export async function readFiles(paths: readonly string[], options: { readonly recursive: boolean }): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  for (const path of paths) {
    const before = manifests.length;
    if (path === '-') manifests.push(...readManifests('standard input', await text(process.stdin)));
    else for (const file of await filesIn(path, options)) manifests.push(...readManifests(file, await contentOf(file)));
    if (manifests.length === before) throw new ManifestError(`${path === '-' ? 'standard input' : path}: holds no objects`);
  }
  return manifests;
}

async function filesIn(path: string, { recursive }: { readonly recursive: boolean }): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, { withFileTypes: true, recursive });
    return entries
      .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw new ManifestError(`${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

async function contentOf(file: string): Promise<string> {
  try {
    if ((await stat(file)).size > MAX_FILE_BYTES) throw new ManifestError(`${file}: is larger than 16 MiB`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw new ManifestError(`${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof TypeError) return 'it is not UTF-8 text';
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' ? 'no such file or folder' : (code ?? String(error));
}
