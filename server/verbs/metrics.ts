import { createHistogram, METRICS_TYPE, metricsText, SECONDS, type HistogramRecord, type Metric } from '../../apis/meta/metrics.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';

/** One request that was answered. */
export interface Answered {
  readonly verb: string;
  /** `plural.group`; empty for documents. */
  readonly resource: string;
  readonly code: number;
  readonly seconds: number;
}

/** Counts requests. */
export interface RequestCounts {
  note(answered: Answered): void;
  metrics(): readonly Metric[];
}

/** Counts nothing yet. Verbs, resources and codes are closed sets, so that a client cannot make more series than there are. */
export function createRequestCounts(): RequestCounts {
  const counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  const durations = new Map<string, HistogramRecord>();
  return {
    note({ verb, resource, code, seconds }) {
      const labels = { verb, resource, code: String(code) };
      const key = `${verb} ${resource} ${labels.code}`;
      const known = counts.get(key) ?? { labels, value: 0 };
      known.value += 1;
      counts.set(key, known);
      const duration = durations.get(verb) ?? createHistogram(SECONDS);
      duration.observe(seconds);
      durations.set(verb, duration);
    },
    metrics: () => [
      {
        name: 'lenticular_api_requests_total',
        help: 'Requests that were answered; a watch when it begins.',
        type: 'counter',
        samples: [...counts.values()],
      },
      {
        name: 'lenticular_api_request_duration_seconds',
        help: 'From a request to its answer, without the time that it takes to send; of a watch, to its beginning.',
        type: 'histogram',
        samples: [...durations].map(([verb, duration]) => ({ labels: { verb }, value: duration.read() })),
      },
    ],
  };
}

/** Serves /metrics in the text format of Prometheus to whoever may get that path. */
export function metricsRoute(sources: readonly (() => readonly Metric[])[]): (request: ApiRequest) => ApiResponse | undefined {
  return ({ path, method }) => {
    if (path !== '/metrics') return undefined;
    const headers = { 'content-type': METRICS_TYPE, 'cache-control': 'no-cache, private' };
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, headers: { ...headers, allow: 'GET, HEAD' }, body: '/metrics can only be read\n' };
    return { status: 200, headers, body: metricsText(sources.flatMap((source) => source())) };
  };
}
