import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { Client } from '../../client/client.ts';
import { reflect, type ReflectorOptions } from '../../client/reflector.ts';
import type { View } from '../../client/view.ts';
import type { Views } from './controller.ts';

/** Views that are reflected from when they are first asked for until the signal aborts: one list and one watch a kind. */
export function createViews(client: Client, options: ReflectorOptions, signal: AbortSignal): Views {
  const views = new Map<KindDefinition, View<ApiObject>>();
  return {
    of<O extends ApiObject>(kind: KindDefinition) {
      const view = views.get(kind) ?? reflect<ApiObject>(client, kind, options, signal);
      views.set(kind, view);
      // A view's objects are of its kind: the definition carries their schema.
      return view as unknown as View<O>;
    },
  };
}
