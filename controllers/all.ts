import type { ApiObject } from '../apis/meta/object.ts';
import type { View } from '../client/view.ts';
import { hostController, type HostControllerOptions } from './host/controller.ts';
import { podController } from './pod/controller.ts';
import type { AnyController } from './runtime/controller.ts';
import { storagePoolController } from './storage-pool/controller.ts';
import { virtualMachineController } from './virtual-machine/controller.ts';
import { volumeController } from './volume/controller.ts';
import { zoneController, type ZoneControllerOptions } from './zone/controller.ts';

/** The controllers of all kinds: the one place where another one is announced. */
export function allControllers(options: HostControllerOptions & ZoneControllerOptions): readonly AnyController[] {
  return [
    zoneController(options),
    podController(options),
    hostController(options),
    storagePoolController(options),
    volumeController(options),
    virtualMachineController(options),
  ] as readonly unknown[] as readonly AnyController[];
}

/** The names of all zones, now and whenever they change: each is a shard. */
export async function* zoneShards(zones: View<ApiObject>, signal: AbortSignal): AsyncIterable<readonly string[]> {
  let wake = (): void => undefined;
  const stop = zones.onChange(({ old, object }) => {
    if (old === undefined || object === undefined) wake();
  });
  const end = (): void => {
    wake();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      yield zones.list().map(({ metadata }) => metadata.name);
      await changed;
    }
  } finally {
    stop();
    signal.removeEventListener('abort', end);
  }
}
