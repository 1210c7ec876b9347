import type { ApiRequest } from '../../apis/meta/request.ts';
import type { FieldValidation } from '../admission/admit.ts';
import { badRequest } from '../registry/refusals.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** The parameters of a request, checked: a parameter that its verb does not know was refused. */
export interface Query {
  text(name: string): string | undefined;
  /** Absent, `true`, `1`, `false` or `0`. */
  flag(name: string): boolean;
  /** A whole number that is not negative. */
  count(name: string): number | undefined;
  version(name: string): bigint | undefined;
}

const COMMON = ['pretty', 'timeout'];
const READ_MANY = [
  'labelSelector',
  'fieldSelector',
  'resourceVersion',
  'resourceVersionMatch',
  'watch',
  'allowWatchBookmarks',
  'timeoutSeconds',
  'includeObject',
];
const WRITE = ['dryRun', 'fieldManager', 'fieldValidation'];

const KNOWN: Readonly<Record<Verb, readonly string[]>> = {
  get: ['resourceVersion', 'includeObject', 'watch'],
  list: [...READ_MANY, 'limit', 'continue', 'sendInitialEvents'],
  watch: [...READ_MANY, 'sendInitialEvents'],
  create: WRITE,
  update: WRITE,
  patch: [...WRITE, 'force'],
  delete: ['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents'],
};

function wrong(name: string, value: string, expected: string): Error {
  return badRequest(`invalid query parameter ${name}: ${JSON.stringify(value.slice(0, 80))}: must be ${expected}`);
}

/** The parameters of a request for a verb; ApiError BadRequest for one that is unknown, or given twice with two values. */
export function queryOf(request: ApiRequest, verb: Verb): Query {
  const values = new Map<string, string>();
  for (const [name, value] of request.query) {
    if (![...COMMON, ...KNOWN[verb]].includes(name))
      throw badRequest(`query parameter ${JSON.stringify(name.slice(0, 80))} is not supported for ${verb}`);
    if ((values.get(name) ?? value) !== value) throw badRequest(`query parameter ${name} is given more than once`);
    values.set(name, value);
  }
  const text = (name: string): string | undefined => {
    const value = values.get(name);
    return value === '' ? undefined : value;
  };
  return {
    text,
    flag(name) {
      const value = text(name) ?? 'false';
      if (!['true', '1', 'false', '0'].includes(value)) throw wrong(name, value, 'true or false');
      return value === 'true' || value === '1';
    },
    count(name) {
      const value = text(name);
      if (value !== undefined && !/^\d{1,15}$/.test(value)) throw wrong(name, value, 'a whole number');
      return value === undefined ? undefined : Number(value);
    },
    version(name) {
      const value = text(name);
      if (value !== undefined && !/^\d{1,20}$/.test(value)) throw wrong(name, value, 'a resourceVersion that this server gave');
      return value === undefined ? undefined : BigInt(value);
    },
  };
}

/** Whether a request only asks what would happen. */
export function isDryRun(query: Query): boolean {
  const value = query.text('dryRun');
  if (value !== undefined && value !== 'All') throw wrong('dryRun', value, 'All');
  return value === 'All';
}

/** How strictly a body is read; Warn where the request does not say. */
export function fieldValidationOf(query: Query): FieldValidation {
  const value = query.text('fieldValidation') ?? 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw wrong('fieldValidation', value, 'Strict, Warn or Ignore');
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** How long a request may take, from its parameters `timeout` (`30s`, `1m30s`) and `timeoutSeconds`; at most and by default a minute. */
export function deadlineMsOf(query: Query): number {
  const most = Math.min(60_000, 1000 * (query.count('timeoutSeconds') ?? 60) || 60_000);
  const value = query.text('timeout');
  if (value === undefined) return most;
  if (!/^(?:\d{1,6}(?:\.\d{1,3})?(?:ms|s|m|h)){1,4}$/.test(value)) throw wrong('timeout', value, 'a duration such as 30s');
  const parts = [...value.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  const total = parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (UNITS[unit] ?? 1000), 0);
  return total === 0 ? most : Math.min(most, total);
}
