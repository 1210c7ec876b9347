import { z } from 'zod';

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

const QUANTITY = /^([0-9]{1,15}(?:\.[0-9]{1,9})?)(|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)$/;

/** A Kubernetes quantity of bytes: `512Mi`, `1.5Gi`, `1000000`. */
export const Quantity = z
  .union([z.int().min(0), z.string().max(32).regex(QUANTITY, 'must be a quantity such as 512Mi, 1.5Gi or 1000000')])
  .meta({ 'x-kubernetes-int-or-string': true });

export type Quantity = z.output<typeof Quantity>;

/** Bytes in a quantity that its schema has let pass, rounded up to a whole one. */
export function bytesOf(quantity: Quantity): number {
  if (typeof quantity === 'number') return quantity;
  const match = QUANTITY.exec(quantity);
  if (match === null) throw new RangeError(`not a quantity: ${JSON.stringify(quantity)}`);
  return Math.ceil(Number(match[1]) * (FACTORS[match[2] ?? ''] ?? 1));
}

/** The shortest exact quantity with a binary suffix: 1073741824 is `1Gi`, 1500 is `1500`. */
export function quantityOf(bytes: number): string {
  for (const suffix of ['Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = FACTORS[suffix] ?? 1;
    if (bytes !== 0 && bytes % factor === 0) return `${String(bytes / factor)}${suffix}`;
  }
  return String(bytes);
}
