import type { StatusCause } from '../../apis/meta/api-error.ts';
import { forbiddenField, notSupported } from '../admission/causes.ts';
import { invalidAs } from '../registry/refusals.ts';
import type { Freshness } from '../registry/registry.ts';
import type { Query } from './query.ts';

function refuse(cause: StatusCause): never {
  throw invalidAs('meta.k8s.io', 'ListOptions', '', [cause]);
}

/** How new a read must be when only a version says so: unset is the newest, 0 is whatever there is, else not older. */
export function freshnessOf(query: Query): Freshness {
  const resourceVersion = query.version('resourceVersion');
  if (resourceVersion === undefined) return { want: 'newest' };
  return resourceVersion === 0n ? { want: 'any' } : { want: 'notOlderThan', resourceVersion };
}

/** As `freshnessOf` for a list, whose resourceVersionMatch, limit and continue have a say. */
export function listFreshnessOf(query: Query): Freshness {
  const freshness = freshnessOf(query);
  const match = query.text('resourceVersionMatch');
  if (query.text('sendInitialEvents') !== undefined) refuse(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (query.text('continue') !== undefined && (match !== undefined || freshness.want === 'notOlderThan')) {
    refuse(forbiddenField('resourceVersion', 'specifying resource version is not allowed when using continue'));
  }
  if (match === undefined) {
    const exact = freshness.want === 'notOlderThan' && (query.count('limit') ?? 0) > 0;
    return exact ? { ...freshness, want: 'exact' } : freshness;
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') refuse(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan']));
  if (freshness.want === 'newest')
    refuse(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
  if (match === 'NotOlderThan') return freshness;
  if (freshness.want !== 'notOlderThan')
    refuse(forbiddenField('resourceVersionMatch', 'resourceVersionMatch Exact is forbidden for resourceVersion 0'));
  return { ...freshness, want: 'exact' };
}

/** Whether a watch sends what is there before it sends what changes, and whether it says where that ends. */
export function initialEventsOf(query: Query, freshness: Freshness): { readonly initial: 'changes' | 'state'; readonly markEnd: boolean } {
  const match = query.text('resourceVersionMatch');
  if (query.text('sendInitialEvents') === undefined) {
    if (match !== undefined) {
      refuse(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    }
    return { initial: freshness.want === 'notOlderThan' ? 'changes' : 'state', markEnd: false };
  }
  if (match !== 'NotOlderThan') {
    refuse(forbiddenField('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  const wanted = query.flag('sendInitialEvents');
  return { initial: wanted ? 'state' : 'changes', markEnd: wanted };
}
