import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { Transport } from '../../apis/meta/request.ts';
import type { WatchCache } from '../registry/cache.ts';
import type { Resource } from '../registry/resource.ts';
import type { Store } from '../store/store.ts';
import type { Place, Speaker } from './speaker.ts';

export interface LifecycleOptions {
  readonly handle: Transport;
  readonly cache: WatchCache;
  readonly resources: readonly Resource[];
  readonly store: Store;
  readonly clock: Clock;
  /** Names this server among all over the same store. One that comes back under the same name takes its work up at once. */
  readonly identity: string;
  readonly onTrouble: (error: unknown) => void;
}

/** What every loop works with. */
export interface Loop extends LifecycleOptions {
  readonly speaker: Speaker;
}

/** One resource for each place where objects are stored: the faces of one stored kind count once. */
export function storedResources({ resources }: Pick<LifecycleOptions, 'resources'>): readonly Resource[] {
  return resources.filter(({ kind }) => kind.storedAs === undefined);
}

/** Where an object is. */
export function placeOf({ kind }: Resource, { metadata }: ApiObject): Place {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name };
}

/** RFC 3339 with microseconds, as Leases write times; or in whole seconds. */
export function timeOf(clock: Clock, precision: 'micros' | 'seconds'): string {
  const iso = new Date(clock.now()).toISOString();
  return precision === 'seconds' ? `${iso.slice(0, 19)}Z` : `${iso.slice(0, 23)}000Z`;
}
