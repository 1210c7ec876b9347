import { listFreshnessOf } from './freshness.ts';
import { selectionOf } from './selection.ts';
import { JSON_HEADERS, type Call, type ListAnswer, type Services } from './services.ts';

/** The objects of a collection as of one moment, or a page of them. */
export async function listObjects({ registry }: Services, call: Call, signal: AbortSignal): Promise<ListAnswer> {
  const { target, query } = call;
  const { resource, namespace } = target;
  const freshness = listFreshnessOf(query);
  const continueToken = query.text('continue');
  const limit = query.count('limit') ?? 0;
  const list = await registry.list(
    { resource, namespace, selection: selectionOf(call), freshness, limit, ...(continueToken !== undefined && { continueToken }) },
    signal,
  );
  const metadata = {
    resourceVersion: String(list.resourceVersion),
    ...(list.continueToken !== undefined && { continue: list.continueToken }),
    ...(list.remaining !== undefined && { remainingItemCount: list.remaining }),
  };
  return { status: 200, headers: JSON_HEADERS, body: undefined, list: { resource, metadata, entries: list.entries } };
}
