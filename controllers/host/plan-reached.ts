import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;

/** A digest of `spec.driver`: whether the host that is silent now is the one that was seen last (FNV-1a, 64 bits, in base 36). */
export function driverDigest({ spec }: Pick<Host, 'spec'>): string {
  const text = JSON.stringify(spec.driver);
  let hash = OFFSET;
  for (let at = 0; at < text.length; at += 1) hash = ((hash ^ BigInt(text.charCodeAt(at))) * PRIME) & MASK;
  return hash.toString(36);
}
