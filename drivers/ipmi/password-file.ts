import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { configInvalid } from '../serve/config-bag.ts';

const FIELD = 'passwordFile';
/** A password of IPMI 2.0 has at most 20 bytes. */
const MAX_BYTES = 64;

/** The path of an operator's password file: a file of its own, that nobody else can read. It is read by ipmitool alone, each time. */
export async function passwordPath(folder: string, name: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const path = join(folder, name);
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw configInvalid(FIELD, `there is no file ${name} in the folder secrets of the driver`);
  if ((found.mode & 0o077) !== 0) throw configInvalid(FIELD, `others than its owner may read ${name}: chmod 600 it`);
  if (found.size === 0 || found.size > MAX_BYTES) throw configInvalid(FIELD, `${name} must hold one line with the password`);
  return realpath(path);
}
