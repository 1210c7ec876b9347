/** A value in DER, the binary form of ASN.1. */
export type Der = Buffer;

function lengthOf(size: number): Buffer {
  if (size < 128) return Buffer.from([size]);
  const hex = size.toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | digits.length]), digits]);
}

/** A tag and its content. */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Der {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(bytes.length), bytes]);
}

export const sequence = (...items: readonly Der[]): Der => tagged(0x30, ...items);
export const set = (...items: readonly Der[]): Der => tagged(0x31, ...items);
export const utf8 = (text: string): Der => tagged(0x0c, Buffer.from(text, 'utf8'));
export const octets = (...content: readonly Uint8Array[]): Der => tagged(0x04, ...content);
export const yes = (): Der => tagged(0x01, Buffer.from([0xff]));
/** An explicit wrapper `[number]` around a value. */
export const explicit = (number: number, ...items: readonly Der[]): Der => tagged(0xa0 | number, ...items);
/** A value whose own tag is replaced by `[number]`. */
export const implicit = (number: number, content: Uint8Array): Der => tagged(0x80 | number, content);

/** A whole number that is not negative, from its bytes, the highest first. */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first));
  return tagged(0x02, ...((digits[0] ?? 0) >= 0x80 ? [Buffer.from([0]), digits] : [digits]));
}

/** A string of bits; the last `unused` bits of the last byte do not count. */
export function bits(bytes: Uint8Array, unused = 0): Der {
  return tagged(0x03, Buffer.from([unused]), bytes);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Buffer.from(bytes));
}

/** A moment, to the second: in the short form until 2049, as X.509 demands. */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : tagged(0x18, Buffer.from(digits, 'latin1'));
}
