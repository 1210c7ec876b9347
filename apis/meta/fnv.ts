const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The prime is 2^40 and this. */
const PRIME_LOW = 0x1b3;
const WORD = 2 ** 32;

/** FNV-1a, 64 bits, of a text's UTF-8 bytes. In halves of 32 bits, because each step with big integers would leave three of them behind. */
export function fnv1a64(text: string): bigint {
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  for (const byte of Buffer.from(text)) {
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * PRIME_LOW;
    low = product % WORD;
    high = (high * PRIME_LOW + Math.floor(product / WORD) + ((mixed << 8) >>> 0)) % WORD;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}
