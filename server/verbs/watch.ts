import { BOOKMARK_SECONDS, type ApiStream } from '../../apis/meta/request.ts';
import { BOOKMARK_MS } from '../registry/watcher.ts';
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
  const bookmarks = query.flag('allowWatchBookmarks');
  const events = await registry.watch(
    {
      resource,
      namespace,
      selection: selectionOf(call),
      freshness,
      ...initialEventsOf(query, freshness),
      bookmarks,
      timeoutMs: 1000 * (seconds === 0 ? DEFAULT_SECONDS : Math.min(seconds, MOST_SECONDS)),
    },
    signal,
  );
  const headers = { 'content-type': 'application/json', ...(bookmarks && { [BOOKMARK_SECONDS]: String(BOOKMARK_MS / 1000) }) };
  return { status: 200, headers, events };
}
