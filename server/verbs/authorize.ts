import type { Caller } from '../../apis/meta/request.ts';

/** What a caller wants to do, in the words of RBAC. */
export type Attributes =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      /** `zones/status` has the subresource `status`. */
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly verb: string; readonly path: string };

/** Whether a caller may. */
export type Authorize = (caller: Caller, attributes: Attributes) => boolean;

/** A rule in the shape of rbac.authorization.k8s.io: `*` stands for all of it. Resources are `plural` or `plural/subresource`. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** Absent: in every namespace, and at the cluster scope. */
  readonly namespaces?: readonly string[];
  /** A path, or the beginning of one with `*` behind. */
  readonly nonResourceURLs?: readonly string[];
}

/** The rules of each group. */
export type Policy = Readonly<Record<string, readonly PolicyRule[]>>;

const GROUPS = ['infra.lenticular.dev', 'storage.lenticular.dev', 'compute.lenticular.dev'];
const HEALTH = ['/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/version'];

/** Who may what, until RBAC objects say so. */
export const STATIC_POLICY: Policy = {
  'system:masters': [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ],
  'system:authenticated': [{ verbs: ['get'], nonResourceURLs: [...HEALTH, '/api', '/api/*', '/apis', '/apis/*', '/openapi/*'] }],
  'system:monitoring': [{ verbs: ['get'], nonResourceURLs: [...HEALTH, '/metrics'] }],
  'system:unauthenticated': [{ verbs: ['get'], nonResourceURLs: HEALTH }],
  'system:lenticular:controllers': [
    { verbs: ['get'], nonResourceURLs: [...HEALTH, '/api', '/api/*', '/apis', '/apis/*', '/openapi/*'] },
    {
      verbs: ['get', 'list', 'watch', 'patch'],
      apiGroups: GROUPS,
      resources: ['zones', 'pods', 'hosts', 'storagepools', 'volumes', 'virtualmachines'],
    },
    {
      verbs: ['get', 'update', 'patch'],
      apiGroups: GROUPS,
      resources: ['zones/status', 'pods/status', 'hosts/status', 'storagepools/status', 'volumes/status', 'virtualmachines/status'],
    },
    {
      verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      namespaces: ['lenticular-system'],
    },
    { verbs: ['create', 'patch'], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
    { verbs: ['get', 'list', 'watch'], apiGroups: ['ops.lenticular.dev'], resources: ['controllerconfigs'] },
    // Its uid names the installation to drivers.
    { verbs: ['get'], apiGroups: [''], resources: ['namespaces'] },
  ],
};

function names(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!names(rule.verbs, attributes.verb)) return false;
  if ('path' in attributes) {
    return (rule.nonResourceURLs ?? []).some((url) =>
      url.endsWith('*') ? attributes.path.startsWith(url.slice(0, -1)) : attributes.path === url,
    );
  }
  const { group, resource, subresource, namespace } = attributes;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    names(rule.apiGroups, group) && names(rule.resources, whole) && (rule.namespaces === undefined || rule.namespaces.includes(namespace))
  );
}

/** Authorization by the groups of a caller. What no rule allows is forbidden. */
export function authorizeBy(policy: Policy): Authorize {
  return ({ groups }, attributes) =>
    groups.some((group) => Object.hasOwn(policy, group) && (policy[group] ?? []).some((rule) => allows(rule, attributes)));
}

/** Why a request is refused, in Kubernetes' words. */
export function refusalSentence({ name }: Caller, attributes: Attributes): string {
  const user = `User ${JSON.stringify(name)} cannot ${attributes.verb}`;
  if ('path' in attributes) return `${user} path ${JSON.stringify(attributes.path)}`;
  const { group, resource, subresource, namespace } = attributes;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${user} resource ${JSON.stringify(whole)} in API group ${JSON.stringify(group)} ${where}`;
}
