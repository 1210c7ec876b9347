import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { fnv1a64 } from '../../apis/meta/fnv.ts';

/** A digest of `spec.driver`: whether the host that is silent now is the one that was seen last (FNV-1a, 64 bits, in base 36). */
export function driverDigest({ spec }: Pick<Host, 'spec'>): string {
  return fnv1a64(JSON.stringify(spec.driver)).toString(36);
}
