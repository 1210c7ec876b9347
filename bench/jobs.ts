import type { Target } from './connection.ts';

/** What the requests of a load are. */
export type Shape =
  | { readonly verb: 'create'; readonly of: 'machines' | 'leases'; readonly namespace: string; readonly from: number }
  | { readonly verb: 'get'; readonly namespace: string; readonly objects: number }
  | { readonly verb: 'list'; readonly path: string }
  | { readonly verb: 'put'; readonly namespace: string; readonly objects: number; readonly noop: boolean }
  | { readonly verb: 'patch-status'; readonly namespace: string; readonly objects: number }
  | { readonly verb: 'patch-sequence'; readonly namespace: string; readonly objects: number }
  | { readonly verb: 'renew'; readonly namespace: string; readonly objects: number };

/** Each client asks again as soon as it is answered, until `count` requests are made or `seconds` are over. */
export interface ClosedJob {
  readonly kind: 'closed';
  readonly target: Target;
  readonly shape: Shape;
  readonly clients: number;
  readonly count?: number;
  readonly seconds?: number;
}

/** Requests are made at a rate, whether they are answered or not; watchers may look on. */
export interface RateJob {
  readonly kind: 'rate';
  readonly target: Target;
  readonly shape: Shape;
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly watch?: {
    readonly path: string;
    readonly watchers: number;
    /** Watchers that read nothing. */
    readonly stalled: number;
    /** Changes before the writes: so many that watchers which read nothing hang. */
    readonly filling: number;
  };
}

/** What a load generator can be told to do. */
export type Job = ClosedJob | RateJob;

/** Times in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What came of a load. */
export interface Outcome {
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly latency: Latency;
  /** From an acknowledged write to its event; only with watchers. */
  readonly events?: {
    readonly expected: number;
    readonly delivered: number;
    readonly lost: number;
    readonly doubled: number;
    /** Watches that the server has ended. */
    readonly ended: number;
    readonly latency: Latency;
    /** Stalled watchers that the server has closed. */
    readonly stalledClosed: number;
  };
}

/** The median, the 99th percentile and the longest. */
export function latencyOf(times: readonly number[]): Latency {
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
