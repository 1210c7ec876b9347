import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DriverError } from '../contract/driver-error.ts';
import { checkBareName } from '../contract/names.ts';
import { isAbsent } from '../serve/record-file.ts';

/**
 * The real path of the file `name` in the operator's `folder`. Refuses, before anything is opened: what is not a bare name
 * (INVALID_ARGUMENT), what is absent, no regular file, or leads out of the folder by a link (NOT_FOUND/IMAGE_NOT_FOUND).
 */
export async function confinedFile(
  { folder, name, field }: { readonly folder: string; readonly name: string; readonly field: string },
  signal: AbortSignal,
): Promise<string> {
  checkBareName(field, name);
  signal.throwIfAborted();
  const absent = new DriverError('NOT_FOUND', 'IMAGE_NOT_FOUND', `${field}: there is no file ${name} in the images folder`, {
    metadata: { field, name },
  });
  try {
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, name))]);
    if (!path.startsWith(root + sep) || !(await stat(path)).isFile()) throw absent;
    return path;
  } catch (error) {
    if (isAbsent(error)) throw absent;
    throw error;
  }
}
