import { apiVersionOf } from '../../apis/meta/kind.ts';
import { clip } from '../../apis/meta/sentence.ts';
import { QueueKind } from '../../apis/ops/v1alpha1/queue/kind.ts';
import type { Queue } from '../../apis/ops/v1alpha1/queue/schema.ts';
import type { QueueReport } from '../../controllers/runtime/board.ts';

const MAX_WHY = 1024;

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A key as people name an object: `namespace/name`, or the name of one without a namespace. */
function nameOf(key: string): string {
  return key.startsWith('/') ? key.slice(1) : key;
}

/** How long, to a tenth of a second. */
function seconds(ms: number): string {
  return `${String(Math.round(ms / 100) / 10)}s`;
}

/** A queue as the API shows it, named after its shard and kind. */
export function queueObject({ shard, kind, leader, epoch, sinceMs, view }: QueueReport, nowMs: number): Queue {
  const name = `${shard}.${kind.toLowerCase()}`;
  const { rate, paused } = view;
  return {
    apiVersion: apiVersionOf(QueueKind),
    kind: QueueKind.kind,
    metadata: { name, uid: `queue.${name}.${String(epoch)}`, resourceVersion: '1', generation: 1, creationTimestamp: timeOf(sinceMs) },
    status: {
      shard,
      kind,
      leader,
      epoch,
      depth: view.depth,
      oldest: seconds(view.oldestMs),
      inFlight: view.inFlightCount,
      parked: view.parkedCount,
      settled: view.settled,
      added: view.adds,
      done: view.done,
      failed: view.failed,
      retries: view.retries,
      perMinute: view.perMinute,
      workers: view.workers,
      ...(rate !== undefined && { rate }),
      ...(paused !== undefined && { paused }),
      working: view.inFlight.map(nameOf),
      reasons: view.reasons.map(({ why, count }) => ({ why: clip(why, MAX_WHY), count })),
      waiting: view.parked.map(({ key, why, nextTryMs, failures }) => ({
        object: nameOf(key),
        why: clip(why, MAX_WHY),
        nextTry: timeOf(nowMs + nextTryMs),
        failures,
      })),
    },
  };
}
