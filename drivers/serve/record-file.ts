import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const MAX_RECORD_BYTES = 1024 * 1024;

/** The operating system's code of an error, for example ENOENT; undefined where it has none. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Whether `error` says that a file or folder is not there. */
export function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces `path` by `value` as JSON: a reader, or a power cut, sees the old content or the new one, and once this resolves the new one stays. */
export async function writeRecord(path: string, value: unknown, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const temporary = `${path}.${randomUUID().slice(0, 8)}.new`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(value)}\n`);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** The JSON object in `path`, checked to be of `schema`; undefined where there is no file; an unreadable one is an Error, never absence. */
export async function readRecord<T extends { readonly schema: number }>(
  path: string,
  schema: T['schema'],
  signal: AbortSignal,
): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  if (text.length > MAX_RECORD_BYTES) throw new Error(`${path}: larger than a record can be`);
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('schema' in value) || value.schema !== schema) {
    throw new Error(`${path}: not a record of schema ${schema}`);
  }
  return value as T;
}
