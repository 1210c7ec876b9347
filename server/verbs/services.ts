import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';
import type { Admission } from '../admission/admit.ts';
import type { Registry } from '../registry/registry.ts';
import type { Entry } from '../registry/entry.ts';
import type { JsonObject } from '../registry/json.ts';
import type { Resource } from '../registry/resource.ts';
import type { Query } from './query.ts';
import type { Target } from './target.ts';

/** What the verbs work with. */
export interface Services {
  readonly registry: Registry;
  readonly admission: Admission;
  readonly clock: Clock;
  /** The resource of namespaces, where the catalog has it. */
  readonly namespaces: Resource | undefined;
  readonly newUid: () => string;
  /** Five lower-case letters or digits, for generateName. */
  readonly newSuffix: () => string;
}

/** One request, understood: what it is about and how. */
export interface Call {
  readonly request: ApiRequest;
  readonly target: Target;
  readonly query: Query;
}

export const JSON_HEADERS = { 'content-type': 'application/json' } as const;

/** A list before it is given a shape: its items stay text for as long as nobody asks for more. */
export interface ListAnswer extends ApiResponse {
  readonly list: { readonly resource: Resource; readonly metadata: JsonObject; readonly entries: readonly Entry[] };
}

const WARNING_CHARACTERS = 200;
/** Clients refuse an answer whose headers are long: Node's own from 16 KiB. */
const MOST_WARNINGS = 16;

function shortened(warning: string): string {
  return warning.length > WARNING_CHARACTERS ? `${warning.slice(0, WARNING_CHARACTERS - 3)}...` : warning;
}

function warningLines(warnings: readonly string[]): readonly string[] {
  const more = warnings.length - MOST_WARNINGS;
  const shown = [...warnings.slice(0, MOST_WARNINGS).map(shortened), ...(more > 0 ? [`and ${String(more)} more`] : [])];
  return shown.map((warning) => `299 - ${JSON.stringify(warning.replace(/[^ -~]/g, '?'))}`);
}

/** Headers of JSON with warnings: lines that clients show, not more and not longer than a header bears. */
export function headersWith(warnings: readonly string[]): ApiResponse['headers'] {
  const lines = warningLines(warnings);
  return lines.length === 0 ? JSON_HEADERS : { ...JSON_HEADERS, warning: lines.join(', ') };
}

/** An answer with a JSON body. */
export function jsonAnswer(status: number, body: unknown, warnings: readonly string[] = []): ApiResponse {
  return { status, headers: headersWith(warnings), body };
}
