import type { Histogram, Metric, Sample } from '../../apis/meta/metrics.ts';
import { PARK_CLASSES, type QueueView } from './queue-view.ts';
import type { Shard } from './shard.ts';

/** A shard that is led. */
export interface Led {
  readonly shard: Shard;
  /** Who leads it. */
  readonly leader: string;
  readonly epoch: () => number;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
}

/** One queue as people ask for it. */
export interface QueueReport {
  readonly shard: string;
  readonly kind: string;
  readonly leader: string;
  readonly epoch: number;
  readonly sinceMs: number;
  readonly view: QueueView;
}

/** What a process leads, for whoever looks at it. */
export interface Board {
  /** Shows a shard until the answer is called. */
  show(led: Led): () => void;
  queues(): readonly QueueReport[];
  metrics(): readonly Metric[];
}

type Read = (report: QueueReport) => number | Histogram;

const PER_QUEUE: readonly (readonly [name: string, type: Metric['type'], help: string, read: Read])[] = [
  ['depth', 'gauge', 'Objects that are ready to be worked on.', ({ view }) => view.depth],
  ['oldest_seconds', 'gauge', 'How long the oldest of them has been ready.', ({ view }) => view.oldestMs / 1000],
  ['in_flight', 'gauge', 'Objects that are worked on now.', ({ view }) => view.inFlightCount],
  ['paused', 'gauge', 'Whether no work begins.', ({ view }) => (view.paused === undefined ? 0 : 1)],
  ['adds_total', 'counter', 'How often an object was to be looked at.', ({ view }) => view.adds],
  ['done_total', 'counter', 'Rounds of work that have ended.', ({ view }) => view.done],
  ['failed_total', 'counter', 'Rounds of work that have failed.', ({ view }) => view.failed],
  ['retries_total', 'counter', 'Rounds of work that were begun again after a failure.', ({ view }) => view.retries],
  ['work_seconds', 'histogram', 'How long rounds of work took.', ({ view }) => view.durations],
];

/** Numbers of the states of a breaker. */
const BREAKER_STATES = { closed: 0, probing: 1, open: 2 } as const;

function queueMetrics(reports: readonly QueueReport[]): readonly Metric[] {
  const labelsOf = ({ shard, kind }: QueueReport): Readonly<Record<string, string>> => ({ shard, kind });
  const parked: readonly Sample[] = reports.flatMap((report) =>
    PARK_CLASSES.map((why) => ({ labels: { ...labelsOf(report), class: why }, value: report.view.classes[why] })),
  );
  return [
    ...PER_QUEUE.map(([name, type, help, read]) => ({
      name: `lenticular_queue_${name}`,
      help,
      type,
      samples: reports.map((report) => ({ labels: labelsOf(report), value: read(report) })),
    })),
    { name: 'lenticular_queue_parked', help: 'Objects that are looked at later, by why.', type: 'gauge', samples: parked },
  ];
}

function deviceMetrics(all: readonly Led[]): readonly Metric[] {
  const services = all.flatMap(({ shard }) => shard.devices().map((service) => ({ shard: shard.name, ...service })));
  const labelsOf = ({ shard, category, label }: (typeof services)[number]): Readonly<Record<string, string>> => ({
    shard,
    endpoint: label,
    category,
  });
  return [
    {
      name: 'lenticular_endpoint_calls_in_flight',
      help: 'Calls to a device that are under way; of devices that are called or do not answer.',
      type: 'gauge',
      samples: services.map((service) => ({ labels: labelsOf(service), value: service.inFlight })),
    },
    {
      name: 'lenticular_endpoint_breaker_state',
      help: 'Whether calls to a device go through: 0 closed (they do), 1 probing (one does), 2 open (none does).',
      type: 'gauge',
      samples: services.map((service) => ({ labels: labelsOf(service), value: BREAKER_STATES[service.state] })),
    },
  ];
}

/** Shows nothing yet. */
export function createBoard(): Board {
  const shown = new Set<Led>();
  const queues = (): readonly QueueReport[] =>
    [...shown].flatMap(({ shard, leader, epoch, sinceMs }) =>
      Object.entries(shard.view()).map(([kind, view]) => ({
        shard: shard.name,
        kind,
        leader,
        epoch: epoch(),
        sinceMs,
        view,
      })),
    );
  return {
    show(led) {
      shown.add(led);
      return () => shown.delete(led);
    },
    queues,
    metrics: () => [
      {
        name: 'lenticular_shard_epoch',
        help: 'The epoch of each shard that this process leads.',
        type: 'gauge',
        samples: [...shown].map(({ shard, leader, epoch }) => ({ labels: { shard: shard.name, leader }, value: epoch() })),
      },
      ...queueMetrics(queues()),
      ...deviceMetrics([...shown]),
    ],
  };
}
