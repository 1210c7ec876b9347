const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** What a quantity looks like: `512Mi`, `1.5Gi`, `1000000`. */
export const QUANTITY_PATTERN = '^([0-9]{1,15}(?:\\.[0-9]{1,9})?)(|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)$';

/** Bytes in a quantity, or in a whole number of bytes; undefined for anything else. */
export function bytesIn(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const match = new RegExp(QUANTITY_PATTERN).exec(String(value));
  if (match === null) return undefined;
  const bytes = Math.ceil(Number(match[1]) * (FACTORS[match[2] ?? ''] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
