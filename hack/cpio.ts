/** A file, folder, device or link of an archive; mode holds the type bits. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly bytes?: Buffer;
  /** Of a character device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function entry({ path, mode, bytes = Buffer.alloc(0), device }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, device?.major ?? 0, device?.minor ?? 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(bytes)]);
}

/** A cpio archive of the format `newc`: what Linux unpacks as its first root file system. Parents come before their children. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  return Buffer.concat([...entries, { path: 'TRAILER!!!', mode: 0 }].map((each, index) => entry(each, index + 1)));
}
