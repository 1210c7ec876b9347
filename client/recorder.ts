import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import { fnv1a64 } from '../apis/meta/fnv.ts';
import type { Log } from '../apis/meta/log.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { EventKind, type Event } from '../apis/core/v1/event/kind.ts';
import type { Client } from './client.ts';

/** What happened to an object. */
export interface Happening {
  readonly type: 'Normal' | 'Warning';
  /** One word. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  /** Ties the Event to logs and driver calls; it is in the annotation `lenticular.dev/trace`. */
  readonly trace?: string;
}

/** Where an Event says the trace id of the round that it tells of. */
export const TRACE_ANNOTATION = 'lenticular.dev/trace';

/** Tells what happened as Events: at most 64 wait, the rest are only logged; the same again within the hour is counted in the same Event. */
export interface Recorder {
  record(object: ApiObject, happening: Happening): void;
  /** Writes what was recorded until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** Who reports, for example `lenticular-controllers`. */
  readonly component: string;
  readonly instance: string;
}

const MAX_WAITING = 64;
const MAX_REMEMBERED = 4096;
const MAX_MESSAGE = 1024;
const MAX_REASON = 128;
const SAME_FOR_MS = 50 * 60_000;

interface Known {
  readonly namespace: string;
  readonly name: string;
  count: number;
  lastMs: number;
}

/** Writes Events one at a time, so that a storm of them cannot crowd out what matters. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, log } = options;
  const waiting: { readonly object: ApiObject; readonly happening: Happening; readonly atMs: number }[] = [];
  const known = new Map<string, Known>();
  let wake = (): void => undefined;
  return {
    record(object, happening) {
      if (waiting.length >= MAX_WAITING) {
        log.warn({ kind: object.kind, object: object.metadata.name, reason: happening.reason }, 'too many events: this one is only logged');
        return;
      }
      waiting.push({ object, happening, atMs: clock.now() });
      wake();
    },
    async run(signal) {
      signal.addEventListener(
        'abort',
        () => {
          wake();
        },
        { once: true },
      );
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        await write(options, known, next, signal).catch((error: unknown) => {
          if (!signal.aborted) log.warn({ err: error, reason: next.happening.reason }, 'an event could not be written');
        });
      }
    },
  };
}

/** At most `length` UTF-16 units, without half a character at the end. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

/** The beginning of a name, such that a dot may follow. */
function stemOf(name: string): string {
  return name.slice(0, 200).replace(/[-.]+$/, '');
}

/** Counts once more in an Event; false where it is gone. */
async function counted(client: Client, { namespace, name, count }: Known, time: string, signal: AbortSignal): Promise<boolean> {
  try {
    await client.patch(EventKind, { namespace, name }, { count, lastTimestamp: time }, signal);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return false;
    throw error;
  }
}

async function write(
  { client, component, instance }: RecorderOptions,
  known: Map<string, Known>,
  { object, happening, atMs }: { readonly object: ApiObject; readonly happening: Happening; readonly atMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { metadata, kind, apiVersion } = object;
  const message = cut(happening.message, MAX_MESSAGE);
  const reason = cut(happening.reason, MAX_REASON);
  const { trace } = happening;
  const key = `${trace ?? metadata.uid} ${happening.type} ${reason} ${message}`;
  const time = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const before = known.get(key);
  if (before !== undefined && atMs - before.lastMs < SAME_FOR_MS) {
    before.count += 1;
    before.lastMs = atMs;
    if (await counted(client, before, time, signal)) return;
    known.delete(key);
  }
  const namespace = metadata.namespace ?? 'default';
  const made = await client.create<Event>(
    EventKind,
    {
      apiVersion: 'v1',
      kind: 'Event',
      // The hash and the time together: another process that says the same makes an Event of its own.
      metadata: {
        name: `${stemOf(metadata.name)}.${fnv1a64(`${key} ${instance} ${String(atMs)}`).toString(36)}`,
        namespace,
        ...(trace !== undefined && { annotations: { [TRACE_ANNOTATION]: trace } }),
      },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
        ...(metadata.namespace !== undefined && { namespace }),
      },
      type: happening.type,
      reason,
      message,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    },
    signal,
  );
  known.set(key, { namespace, name: made.metadata.name, count: 1, lastMs: atMs });
  const [oldest] = known.keys();
  if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
}
