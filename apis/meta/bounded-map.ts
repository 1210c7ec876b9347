import { z } from 'zod';

/** A map from text to values with at most `maxProperties` entries, and keys of at most `maxKeyLength` characters. */
export function boundedMap<Value extends z.ZodType>(
  value: Value,
  limits: { readonly maxKeyLength: number; readonly maxProperties: number },
) {
  const { maxKeyLength, maxProperties } = limits;
  return z
    .record(z.string().max(maxKeyLength), value)
    .refine((map) => Object.keys(map).length <= maxProperties, `must have at most ${String(maxProperties)} entries`)
    .meta({ maxProperties });
}
