import type { ApiRequest } from '../../apis/meta/request.ts';
import { openBench, vm, VMS, zone, ZONES, type Asked, type Bench } from '../../test/api-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.create(ZONES, zone('here'));
});
afterAll(async () => {
  await bench.close();
  expect(bench.troubles).toEqual([]);
});

interface Refused extends Asked {
  readonly why: string;
  readonly method?: ApiRequest['method'];
  readonly path: string;
  readonly status: number;
  readonly says: string;
}

const REFUSED: readonly Refused[] = [
  { why: 'an object that is not there', path: `${ZONES}/none`, status: 404, says: 'zones.infra.lenticular.dev "none" not found' },
  { why: 'an unknown kind', path: '/apis/infra.lenticular.dev/v1alpha1/moons', status: 404, says: 'could not find the requested resource' },
  { why: 'an unknown group', path: '/apis/nope/v1/zones', status: 404, says: 'could not find the requested resource' },
  {
    why: 'a cluster-scoped kind in a namespace',
    path: '/apis/infra.lenticular.dev/v1alpha1/namespaces/default/zones',
    status: 404,
    says: 'could not find',
  },
  {
    why: 'a namespaced object without its namespace',
    path: '/apis/compute.lenticular.dev/v1alpha1/virtualmachines/x',
    status: 404,
    says: 'could not find',
  },
  { why: 'an unknown part', path: `${ZONES}/here/scale`, status: 404, says: 'could not find' },
  {
    why: 'a part of a kind without it',
    path: '/apis/coordination.k8s.io/v1/namespaces/default/leases/x/status',
    status: 404,
    says: 'could not find',
  },
  { why: 'finalize of anything but a namespace', method: 'PUT', path: `${ZONES}/here/finalize`, status: 404, says: 'could not find' },
  { why: 'the deletion of a collection', method: 'DELETE', path: ZONES, status: 405, says: 'does not allow this method' },
  {
    why: 'a creation over all namespaces',
    method: 'POST',
    path: '/apis/compute.lenticular.dev/v1alpha1/virtualmachines',
    body: vm('x'),
    status: 405,
    says: 'does not allow this method',
  },
  {
    why: 'an unknown parameter',
    path: ZONES,
    query: { shardSelector: 'x' },
    status: 400,
    says: 'query parameter "shardSelector" is not supported for list',
  },
  { why: 'a limit on a watch', path: ZONES, query: { watch: 'true', limit: '1' }, status: 400, says: 'not supported for watch' },
  { why: 'a limit that is no number', path: ZONES, query: { limit: 'many' }, status: 400, says: 'must be a whole number' },
  { why: 'a version that is none', path: ZONES, query: { resourceVersion: 'abc' }, status: 400, says: 'resourceVersion' },
  { why: 'a token that is none', path: ZONES, query: { limit: '1', continue: 'abc' }, status: 400, says: 'continue key is not valid' },
  { why: 'a bad selector', path: ZONES, query: { labelSelector: 'a in b' }, status: 400, says: 'unable to parse requirement' },
  {
    why: 'a field that cannot be selected by',
    path: ZONES,
    query: { fieldSelector: 'spec.x=1' },
    status: 400,
    says: 'field label not supported',
  },
  {
    why: 'initial events without a match',
    path: ZONES,
    query: { watch: 'true', sendInitialEvents: 'true' },
    status: 422,
    says: 'NotOlderThan',
  },
  { why: 'initial events in a list', path: ZONES, query: { sendInitialEvents: 'true' }, status: 422, says: 'forbidden for list' },
  {
    why: 'a match without a version',
    path: ZONES,
    query: { resourceVersionMatch: 'Exact' },
    status: 422,
    says: 'forbidden unless resourceVersion',
  },
  {
    why: 'a dry run of another kind',
    method: 'POST',
    path: ZONES,
    query: { dryRun: 'Some' },
    body: zone('x'),
    status: 400,
    says: 'dryRun',
  },
  { why: 'no body', method: 'POST', path: ZONES, status: 400, says: 'the body is empty' },
  { why: 'broken JSON', method: 'POST', path: ZONES, body: '{"a":', status: 400, says: 'the body is not JSON' },
  {
    why: 'broken YAML',
    method: 'POST',
    path: ZONES,
    headers: { 'content-type': 'application/yaml' },
    body: 'a:\n  - b\n c: d\n',
    status: 400,
    says: 'the body is not YAML in line',
  },
  { why: 'a list for an object', method: 'POST', path: ZONES, body: [], status: 400, says: 'the body is not an object' },
  { why: 'a key that sets a prototype', method: 'POST', path: ZONES, body: '{"__proto__":{"a":1}}', status: 400, says: '__proto__' },
  { why: 'deep nesting', method: 'POST', path: ZONES, body: '['.repeat(100_000) + ']'.repeat(100_000), status: 400, says: 'nested deeper' },
  { why: 'a body of 4 MiB', method: 'POST', path: ZONES, body: JSON.stringify('x'.repeat(4 << 20)), status: 413, says: 'longer than' },
  {
    why: 'an object that no store takes',
    method: 'POST',
    path: '/apis/infra.lenticular.dev/v1alpha1/hosts',
    body: {
      apiVersion: 'infra.lenticular.dev/v1alpha1',
      kind: 'Host',
      metadata: { name: 'fat' },
      spec: { pod: 'p', driver: { name: 'sim', config: { fat: 'x'.repeat(2 << 20) } } },
    },
    status: 413,
    says: 'the object is longer than',
  },
  {
    why: 'a body of another type',
    method: 'POST',
    path: ZONES,
    headers: { 'content-type': 'application/cbor' },
    body: 'x',
    status: 415,
    says: 'unknown format',
  },
  {
    why: 'another kind',
    method: 'POST',
    path: ZONES,
    body: { ...zone('x'), kind: 'Pod' },
    status: 400,
    says: 'the kind in the data (Pod) does not match the expected kind (Zone)',
  },
  {
    why: 'another version',
    method: 'POST',
    path: ZONES,
    body: { ...zone('x'), apiVersion: 'v1' },
    status: 400,
    says: 'the API version in the data (v1) does not match',
  },
  { why: 'no kind', method: 'POST', path: ZONES, body: { metadata: { name: 'x' } }, status: 400, says: "Object 'Kind' is missing" },
  { why: 'no name', method: 'POST', path: ZONES, body: { ...zone('x'), metadata: {} }, status: 422, says: 'metadata.name: Required value' },
  {
    why: 'another namespace',
    method: 'POST',
    path: VMS,
    body: vm('x', {}, { namespace: 'other' }),
    status: 400,
    says: 'does not match the namespace sent on the request (default)',
  },
  {
    why: 'a namespace for what has none',
    method: 'POST',
    path: ZONES,
    body: { ...zone('x'), metadata: { name: 'x', namespace: 'default' } },
    status: 400,
    says: 'belongs to no namespace',
  },
  {
    why: 'a missing namespace',
    method: 'POST',
    path: VMS.replace('default', 'nowhere'),
    body: vm('x'),
    status: 404,
    says: 'namespaces "nowhere" not found',
  },
  {
    why: 'a name that is taken',
    method: 'POST',
    path: ZONES,
    body: zone('here'),
    status: 409,
    says: 'zones.infra.lenticular.dev "here" already exists',
  },
  {
    why: 'a version on creation',
    method: 'POST',
    path: ZONES,
    body: { ...zone('x'), metadata: { name: 'x', resourceVersion: '1' } },
    status: 400,
    says: 'resourceVersion should not be set',
  },
  {
    why: 'an unknown field under Strict',
    method: 'POST',
    path: ZONES,
    query: { fieldValidation: 'Strict' },
    body: zone('x', { spec: { a: 1 } }),
    status: 400,
    says: 'strict decoding error: unknown field "spec.a"',
  },
  {
    why: 'a field given twice under Strict',
    method: 'POST',
    path: ZONES,
    query: { fieldValidation: 'Strict' },
    body: '{"apiVersion":"infra.lenticular.dev/v1alpha1","kind":"Zone","metadata":{"name":"x","name":"x"}}',
    status: 400,
    says: 'duplicate field "metadata.name"',
  },
  {
    why: 'a replacement without a version',
    method: 'PUT',
    path: `${ZONES}/here`,
    body: zone('here'),
    status: 422,
    says: 'must be specified for an update',
  },
  {
    why: 'a replacement under another name',
    method: 'PUT',
    path: `${ZONES}/here`,
    body: { ...zone('x'), metadata: { name: 'x', resourceVersion: '1' } },
    status: 400,
    says: 'does not match the name on the URL (here)',
  },
  {
    why: 'a replacement of nothing',
    method: 'PUT',
    path: `${ZONES}/none`,
    body: { ...zone('none'), metadata: { name: 'none', resourceVersion: '1' } },
    status: 404,
    says: 'not found',
  },
  {
    why: 'a stale patch',
    method: 'PATCH',
    path: `${ZONES}/here`,
    body: { metadata: { resourceVersion: '1' } },
    status: 409,
    says: 'the object has been modified; please apply your changes to the latest version and try again',
  },
  {
    why: 'a patch of another life',
    method: 'PATCH',
    path: `${ZONES}/here`,
    body: { metadata: { uid: 'x' } },
    status: 409,
    says: 'Precondition failed: UID',
  },
  {
    why: 'a patch of the name',
    method: 'PATCH',
    path: `${ZONES}/here`,
    body: { metadata: { name: 'x' } },
    status: 400,
    says: 'does not match the name',
  },
  {
    why: 'server-side apply',
    method: 'PATCH',
    path: `${ZONES}/here`,
    headers: { 'content-type': 'application/apply-patch+yaml' },
    query: { fieldManager: 'k', force: 'true' },
    body: '{}',
    status: 415,
    says: 'use kubectl apply without --server-side',
  },
  {
    why: 'a strategic merge patch of our kinds',
    method: 'PATCH',
    path: `${ZONES}/here`,
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
    body: {},
    status: 415,
    says: 'application/merge-patch+json',
  },
  {
    why: 'a JSON patch whose test fails',
    method: 'PATCH',
    path: `${ZONES}/here`,
    headers: { 'content-type': 'application/json-patch+json' },
    body: [{ op: 'test', path: '/metadata/name', value: 'x' }],
    status: 422,
    says: 'operation 0 (test /metadata/name) failed',
  },
  {
    why: 'a body that repeats itself by aliases of aliases',
    method: 'POST',
    path: ZONES,
    headers: { 'content-type': 'application/yaml' },
    body: '&a [*a,*a]',
    status: 400,
    says: 'the body is not YAML in line 1, column 6: aliases',
  },
  {
    why: 'a deletion of another life',
    method: 'DELETE',
    path: `${ZONES}/here`,
    body: { preconditions: { uid: 'x' } },
    status: 409,
    says: 'Precondition failed: UID',
  },
  {
    why: 'a deletion of another version',
    method: 'DELETE',
    path: `${ZONES}/here`,
    body: { preconditions: { resourceVersion: '1' } },
    status: 409,
    says: 'Precondition failed: ResourceVersion',
  },
  {
    why: 'an unknown option of deletion',
    method: 'DELETE',
    path: `${ZONES}/here`,
    body: { ignoreEverything: true },
    status: 422,
    says: 'ignoreEverything',
  },
  {
    why: 'two ways to treat dependents',
    method: 'DELETE',
    path: `${ZONES}/here`,
    query: { orphanDependents: 'true', propagationPolicy: 'Background' },
    status: 400,
    says: 'cannot be both set',
  },
  {
    why: 'a format that is not served',
    path: ZONES,
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
    status: 406,
    says: 'application/json',
  },
];

describe('a bad request gets one clear error, and changes nothing', () => {
  test.each(REFUSED)('$why', async ({ method = 'GET', path, status, says, ...asked }) => {
    const before = await bench.store.revision(bench.signal);
    const answer = await bench.ask(method, path, asked);
    expect(answer.body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status });
    expect(answer.status).toBe(status);
    expect(answer.body.message).toContain(says);
    expect(await bench.store.revision(bench.signal)).toBe(before);
  });
});
