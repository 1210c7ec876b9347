import type { ApiStream } from '../../apis/meta/request.ts';
import { freshnessOf, initialEventsOf } from './freshness.ts';
import { selectionOf } from './selection.ts';
import type { Call, Services } from './services.ts';

const DEFAULT_SECONDS = 2700;
const MOST_SECONDS = 86_400;

/** The changes of a collection, from a version or from the state of now, until the timeout. */
export async function watchObjects({ registry }: Services, call: Call, signal: AbortSignal): Promise<ApiStream> {
  const { target, query } = call;
  const { resource, namespace } = target;
  const freshness = freshnessOf(query);
  const seconds = query.count('timeoutSeconds') ?? 0;
  const events = await registry.watch(
    {
      resource,
      namespace,
      selection: selectionOf(call),
      freshness,
      ...initialEventsOf(query, freshness),
      bookmarks: query.flag('allowWatchBookmarks'),
      timeoutMs: 1000 * (seconds === 0 ? DEFAULT_SECONDS : Math.min(seconds, MOST_SECONDS)),
    },
    signal,
  );
  return { status: 200, headers: { 'content-type': 'application/json' }, events };
}
