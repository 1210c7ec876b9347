import type { ApiError, ApiErrorReason } from '../../apis/meta/api-error.ts';

/** A write as the engine sees it: a version is counted without the offset, and -1 is one that nothing has. */
export type EngineWrite =
  | { readonly do: 'create'; readonly key: string; readonly value: string }
  | { readonly do: 'replace'; readonly key: string; readonly value: string; readonly version: number }
  | { readonly do: 'remove'; readonly key: string; readonly version: number }
  | { readonly do: 'compare'; readonly key: string; readonly version: number };

export interface EngineObject {
  readonly key: string;
  readonly value: string;
  readonly version: number;
}

export type EngineOutcome =
  { readonly ok: true; readonly version: number } | { readonly ok: false; readonly current: EngineObject | undefined };

/** One change; no value means removed. */
export interface EngineChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly version: number;
}

/** Changes of whole revisions after the version asked for; `upTo` is the version reached. */
export type EngineHistory =
  | { readonly state: 'page'; readonly changes: readonly EngineChange[]; readonly upTo: number; readonly more: boolean }
  | { readonly state: 'compacted' }
  | { readonly state: 'future' };

/** What the store was made with. */
export interface EngineIdentity {
  readonly installation: string;
  readonly incarnation: number;
  /** Decimal. */
  readonly offset: string;
}

/** Keys from `start`, up to and without `end`; no end means to the last. */
export interface EngineRange {
  readonly start: string;
  readonly end: string | undefined;
}

/** What can be asked of the engine. Answers to one asker come in the order of the questions. */
export interface EngineCalls {
  readonly identity: { readonly input: undefined; readonly output: EngineIdentity };
  readonly get: { readonly input: string; readonly output: EngineObject | undefined };
  /** The objects come in parts before the answer, which is the revision that they are of. */
  readonly list: { readonly input: EngineRange; readonly output: number };
  /** As `list`, of all keys at the end of an older revision, which it answers: with at most so many changes since. */
  readonly recall: { readonly input: number; readonly output: number };
  readonly revision: { readonly input: undefined; readonly output: number };
  readonly apply: { readonly input: readonly EngineWrite[]; readonly output: readonly EngineOutcome[] };
  readonly history: { readonly input: { readonly range: EngineRange; readonly after: number }; readonly output: EngineHistory };
  /** Does one slice of the work; true when there is more. */
  readonly compact: { readonly input: number; readonly output: boolean };
  readonly close: { readonly input: undefined; readonly output: undefined };
}

export type EngineCall = keyof EngineCalls;
export type ListPart = readonly EngineObject[];

/** The engine: synchronous, on the thread that owns the database. */
export type Engine = {
  readonly [K in EngineCall]: (input: EngineCalls[K]['input'], part: (objects: ListPart) => void) => EngineCalls[K]['output'];
};

/** The engine wherever it runs. */
export interface EngineLink {
  ask<K extends EngineCall>(call: K, input: EngineCalls[K]['input'], part?: (objects: ListPart) => void): Promise<EngineCalls[K]['output']>;
  /** Calls back once, when the engine has failed; every question from then on rejects with ApiError ServiceUnavailable. */
  onFailure(callback: (error: ApiError) => void): void;
}

/** An ApiError as plain data that crosses threads. Timeout: it is not known whether the writes asked for are durable. */
export interface EngineFault {
  readonly reason: ApiErrorReason;
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
}

export interface ToWorker {
  readonly id: number;
  readonly call: EngineCall;
  readonly input: unknown;
}

export type FromWorker =
  | { readonly type: 'opened' }
  | { readonly type: 'refused'; readonly fault: EngineFault }
  | { readonly type: 'part'; readonly id: number; readonly objects: ListPart }
  | { readonly type: 'answer'; readonly id: number; readonly output: unknown }
  /** Fatal: the engine can no longer be used. */
  | { readonly type: 'fault'; readonly id: number; readonly fault: EngineFault; readonly fatal: boolean };
