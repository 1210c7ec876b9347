const SECTOR = 2048;
const ROOT_SECTOR = 20;
/** Below 192 sectors busybox's findfs does not see the volume. */
const MIN_SECTORS = 192;

/** A number as ISO 9660 wants it: little endian, then big endian. */
function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}

function directoryEntry(name: string, sector: number, size: number, isFolder: boolean): Buffer {
  const label = Buffer.from(name, 'latin1');
  const head = Buffer.concat([both32(sector), both32(size), Buffer.alloc(7), Buffer.from([isFolder ? 2 : 0, 0, 0]), both16(1)]);
  const length = 2 + head.length + 1 + label.length;
  const padding = length % 2;
  return Buffer.concat([Buffer.from([length + padding, 0]), head, Buffer.from([label.length]), label, Buffer.alloc(padding)]);
}

function pathTable(bigEndian: boolean): Buffer {
  const bytes = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (bigEndian) {
    bytes.writeUInt32BE(ROOT_SECTOR, 2);
    bytes.writeUInt16BE(1, 6);
  } else {
    bytes.writeUInt32LE(ROOT_SECTOR, 2);
    bytes.writeUInt16LE(1, 6);
  }
  return bytes;
}

function primaryDescriptor(volume: string, sectors: number): Buffer {
  const bytes = Buffer.alloc(SECTOR);
  bytes.write('\x01CD001\x01', 0, 'latin1');
  bytes.fill(' ', 8, 72);
  bytes.write(volume, 40, 'latin1');
  both32(sectors).copy(bytes, 80);
  both16(1).copy(bytes, 120);
  both16(1).copy(bytes, 124);
  both16(SECTOR).copy(bytes, 128);
  both32(10).copy(bytes, 132);
  bytes.writeUInt32LE(18, 140);
  bytes.writeUInt32BE(19, 148);
  directoryEntry('\0', ROOT_SECTOR, SECTOR, true).copy(bytes, 156);
  bytes.fill(' ', 190, 813);
  for (const at of [813, 830, 847, 864]) bytes.write('0000000000000000\0', at, 'latin1');
  bytes[881] = 1;
  return bytes;
}

/** An ISO 9660 image of the volume `cidata` with these files in its root (8.3 names or longer, at most 30 characters): a NoCloud seed. */
export function seedIso(files: Readonly<Record<string, string>>): Buffer {
  let next = ROOT_SECTOR + 1;
  const placed = Object.entries(files)
    .map(([name, text]) => ({ name: `${name.toUpperCase()}.;1`, bytes: Buffer.from(text) }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map((file) => {
      const sector = next;
      next += Math.max(1, Math.ceil(file.bytes.length / SECTOR));
      return { ...file, sector };
    });
  const image = Buffer.alloc(Math.max(next, MIN_SECTORS) * SECTOR);
  primaryDescriptor('cidata', image.length / SECTOR).copy(image, 16 * SECTOR);
  image.write('\xffCD001\x01', 17 * SECTOR, 'latin1');
  pathTable(false).copy(image, 18 * SECTOR);
  pathTable(true).copy(image, 19 * SECTOR);
  const root = [
    directoryEntry('\0', ROOT_SECTOR, SECTOR, true),
    directoryEntry('\x01', ROOT_SECTOR, SECTOR, true),
    ...placed.map((file) => directoryEntry(file.name, file.sector, file.bytes.length, false)),
  ];
  Buffer.concat(root).copy(image, ROOT_SECTOR * SECTOR);
  for (const file of placed) file.bytes.copy(image, file.sector * SECTOR);
  return image;
}
