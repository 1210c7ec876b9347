import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';

/** Something that must hold for the server to serve; `check` rejects when it does not, with what to tell the operator's log. */
export interface HealthCheck {
  readonly name: string;
  /** Whether its failure means that a restart is due (`/livez`), and not only that no requests should come (`/readyz`). */
  readonly live: boolean;
  check(signal: AbortSignal): Promise<void>;
}

/** What `?verbose` tells beside the checks, in words without secrets: a health path answers anybody. */
export type HealthFacts = () => readonly string[];

/** Answers health paths; undefined for all others. */
export type HealthRoute = (request: ApiRequest, signal: AbortSignal) => Promise<ApiResponse | undefined>;

const PATH = /^\/(healthz|livez|readyz)(?:\/([a-z0-9.-]{1,63}))?$/;

function textAnswer(status: number, body: string): ApiResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache, private' }, body };
}

async function holds(check: HealthCheck, signal: AbortSignal): Promise<boolean> {
  try {
    await check.check(signal);
    return true;
  } catch {
    // Why is for the operator's log: a health path answers anybody.
    return false;
  }
}

/** Serves /healthz, /livez and /readyz, each with `?verbose` and `?exclude=NAME`, and /readyz/NAME for one check; `facts` go with the checks; 200 `ok`, or 500 with the checks that fail. */
export function healthRoutes(checks: readonly HealthCheck[], facts: HealthFacts = () => []): HealthRoute {
  return async (request, signal) => {
    const match = PATH.exec(request.path);
    if (match === null) return undefined;
    const [, endpoint = '', only] = match;
    if (request.method !== 'GET' && request.method !== 'HEAD') return textAnswer(405, `${request.path} can only be read\n`);
    const excluded = new Set(request.query.filter(([name]) => name === 'exclude').map(([, value]) => value));
    const asked = checks.filter(({ name, live }) => (endpoint !== 'livez' || live) && (only === undefined || only === name));
    if (only !== undefined && asked.length === 0) return textAnswer(404, `no check is called ${only}\n`);
    const run = asked.filter(({ name }) => !excluded.has(name));
    const results = await Promise.all(run.map((check) => holds(check, signal)));
    const lines = run.map(({ name }, at) => (results[at] === true ? `[+]${name} ok` : `[-]${name} failed: reason withheld`));
    const unknown = [...excluded].filter((name) => !asked.some((check) => check.name === name));
    const warnings = unknown.length === 0 ? [] : [`warn: nothing to exclude is called ${unknown.join(', ')}`];
    const failed = results.includes(false);
    const verdict = `${endpoint} check ${failed ? 'failed' : 'passed'}`;
    if (!failed && !request.query.some(([name]) => name === 'verbose')) return textAnswer(200, 'ok');
    const told = only === undefined ? facts().map((fact) => `info: ${fact}`) : [];
    return textAnswer(failed ? 500 : 200, [...lines, ...told, ...warnings, verdict, ''].join('\n'));
  };
}
