import { CONTROLLER_CONFIG } from '../../apis/ops/v1alpha1/controller-config/kind.ts';
import type { ControllerConfig } from '../../apis/ops/v1alpha1/controller-config/schema.ts';
import type { View } from '../../client/view.ts';
import { QUEUE_DEFAULTS } from '../../controllers/runtime/queue.ts';
import type { Settings } from '../../controllers/runtime/settings.ts';

const PAUSED = `paused by ControllerConfig ${CONTROLLER_CONFIG}`;

/** What ControllerConfig `default` says now; where it is not there, or not seen yet, everything works as by default. */
export function settingsOf(view: View<ControllerConfig>): Settings {
  return {
    of(kind, shard) {
      const { kinds = [], shards = [] } = view.get({ name: CONTROLLER_CONFIG })?.spec ?? {};
      const own = kinds.find(({ name }) => name === kind);
      const paused = own?.paused === true || shards.some(({ name, paused: stands }) => name === shard && stands);
      return {
        workers: own?.workers ?? QUEUE_DEFAULTS.workers,
        ...(own?.rate !== undefined && { rate: own.rate }),
        ...(paused && { paused: PAUSED }),
      };
    },
    onChange: (listener) =>
      view.onChange(({ old, object }) => {
        if ((object ?? old)?.metadata.name === CONTROLLER_CONFIG) listener();
      }),
  };
}
