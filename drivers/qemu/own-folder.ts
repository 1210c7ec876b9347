import { mkdir, realpath, stat } from 'node:fs/promises';
import { configInvalid } from '../serve/config-bag.ts';

async function folderAt(path: string, field: string): Promise<{ readonly real: string; readonly mode: number }> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const real = await realpath(path);
    return { real, mode: (await stat(real)).mode };
  } catch {
    throw configInvalid(field, 'the folder can not be made or used');
  }
}

/** The real path of a folder that only its owner can write to, made where it is missing; an operator's folder keeps the mode that it has. */
export async function ownFolder(path: string, field: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { real, mode } = await folderAt(path, field);
  if ((mode & 0o022) !== 0) throw configInvalid(field, 'the folder is writable by its group or by others: chmod go-w it');
  return real;
}
