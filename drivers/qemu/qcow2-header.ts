import { open } from 'node:fs/promises';
import { DriverError } from '../contract/driver-error.ts';

const MAGIC = 0x514649fb;
const HEADER_BYTES = 104;
const EXTERNAL_DATA_FILE = 1n << 2n;

/** What a qcow2 file says of itself, as far as a driver may believe it. */
export interface Qcow2Header {
  readonly virtualSizeBytes: number;
  /** It names another file from which bytes would be read: never opened. */
  readonly leansOnAnotherFile: boolean;
}

/** Reads the header's fields; undefined where `bytes` are no qcow2 image. */
export function parseQcow2Header(bytes: Buffer): Qcow2Header | undefined {
  if (bytes.length < HEADER_BYTES - 32 || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const version = bytes.readUInt32BE(4);
  const features = version >= 3 && bytes.length >= 80 ? bytes.readBigUInt64BE(72) : 0n;
  return {
    virtualSizeBytes: Number(bytes.readBigUInt64BE(24)),
    leansOnAnotherFile: bytes.readBigUInt64BE(8) !== 0n || (features & EXTERNAL_DATA_FILE) !== 0n,
  };
}

/** The header of the qcow2 file `path`; FAILED_PRECONDITION/OTHER_CONTENT where it is none, or one that leans on another file. */
export async function readQcow2Header(path: string, signal: AbortSignal): Promise<Qcow2Header> {
  signal.throwIfAborted();
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const header = parseQcow2Header(buffer.subarray(0, bytesRead));
    if (header === undefined) throw new DriverError('FAILED_PRECONDITION', 'OTHER_CONTENT', 'the disk is not a qcow2 image');
    if (header.leansOnAnotherFile) {
      throw new DriverError('FAILED_PRECONDITION', 'OTHER_CONTENT', 'the disk leans on another file, and such images are never opened');
    }
    return header;
  } finally {
    await handle.close();
  }
}
