import type { KindDefinition } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ObjectKey } from '../client/client.ts';
import { cacheKey } from '../client/reflector.ts';
import type { View, ViewChange } from '../client/view.ts';

/** A view that shows what a test tells it. */
export interface ManualView<O extends ApiObject> extends View<O> {
  put(object: O): void;
  drop(key: ObjectKey): void;
}

/** A view that shows nothing yet. */
export function createManualView<O extends ApiObject>(kind: KindDefinition): ManualView<O> {
  const objects = new Map<string, O>();
  const listeners = new Set<(change: ViewChange<O>) => void>();
  const tell = (change: ViewChange<O>): void => {
    for (const listener of listeners) listener(change);
  };
  return {
    kind,
    get: (key) => objects.get(cacheKey(key)),
    list: () => [...objects.values()],
    synced: () => Promise.resolve(),
    reached: () => Promise.resolve(),
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    put(object) {
      const key = cacheKey(object.metadata);
      const before = objects.get(key);
      const old = before?.metadata.uid === object.metadata.uid ? before : undefined;
      // As the reflector has it: a recreated object is gone first.
      if (before !== undefined && old === undefined) {
        objects.delete(key);
        tell({ old: before });
      }
      objects.set(key, object);
      tell(old === undefined ? { object } : { old, object });
    },
    drop(key) {
      const old = objects.get(cacheKey(key));
      objects.delete(cacheKey(key));
      if (old !== undefined) tell({ old });
    },
  };
}
