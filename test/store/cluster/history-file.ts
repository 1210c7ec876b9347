import { readFile, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import type { History } from './history.ts';

// JSON has neither whole numbers of any size nor Infinity: versions are texts, and what never ended is null.
const version = z.string().regex(/^\d+$/).transform(BigInt);
const endedMs = z
  .number()
  .nullable()
  .transform((ms) => ms ?? Infinity);

const outcome = z.discriminatedUnion('is', [
  z.object({ is: z.literal('done'), version }),
  z.object({ is: z.enum(['removed', 'absent', 'refused', 'unserved', 'unknown']) }),
]);
const operation = z.object({
  key: z.string(),
  do: z.enum(['create', 'update', 'delete', 'get']),
  value: z.string().exactOptional(),
  expected: version.exactOptional(),
  startedMs: z.number(),
  endedMs,
  outcome,
});
const line = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), key: z.string(), version, value: z.string() }),
  z.object({ type: z.literal('BOOKMARK'), version }),
]);
const snapshot = z.object({
  version,
  objects: z.array(z.tuple([z.string(), z.object({ version, value: z.string() })])).transform((rows) => new Map(rows)),
});
const historySchema = z.object({
  operations: z.array(operation),
  watches: z.array(z.object({ name: z.string(), after: version, lines: z.array(line) })),
  snapshots: z.array(snapshot),
  faults: z.array(z.object({ name: z.string(), startedMs: z.number(), endedMs: z.number() })),
  stalls: z.array(z.string()),
});

/** Writes all that a run saw as JSON, so that it can be judged again. */
export function saveHistory(file: string, history: History, signal: AbortSignal): Promise<void> {
  const text = JSON.stringify(history, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value.entries()] : value,
  );
  return writeFile(file, text, { signal });
}

/** Reads what `saveHistory` wrote. */
export async function readHistory(file: string, signal: AbortSignal): Promise<History> {
  return historySchema.parse(JSON.parse(await readFile(file, { encoding: 'utf8', signal })));
}
