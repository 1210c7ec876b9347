import type { AnyController, Views } from '../controllers/runtime/controller.ts';
import { wokenBy } from '../controllers/runtime/trigger.ts';
import { hostObject, manualWorld, podObject, zoneObject, type ManualWorld } from './cloud-objects.ts';

/** Views, and which objects of one controller their changes have made worth a look. */
export interface Watched {
  readonly world: ManualWorld;
  /** Names of those that were woken since it was asked last, in order. */
  readonly woken: () => readonly string[];
}

/** Follows the triggers of a controller as the runtime does, in a zone `z-0` with the pod `p-0` and the host `h-0`. */
export function watch(make: (views: Views) => unknown): Watched {
  const world = manualWorld();
  const { zones, pods, hosts, pools, volumes, machines } = world;
  const all = [zones, pods, hosts, pools, volumes, machines];
  const views: Views = { of: (kind) => all.find((view) => view.kind === kind) as never };
  const { triggers } = make(views) as AnyController;
  const names = new Set<string>();
  for (const trigger of triggers)
    views.of(trigger.kind).onChange((change) => {
      for (const { name } of wokenBy(trigger, change).values()) names.add(name);
    });
  zones.put(zoneObject('z-0'));
  pods.put(podObject('p-0', { zone: 'z-0' }));
  hosts.put(hostObject('h-0', { pod: 'p-0' }));
  names.clear();
  return {
    world,
    woken() {
      const found = [...names].sort();
      names.clear();
      return found;
    },
  };
}
