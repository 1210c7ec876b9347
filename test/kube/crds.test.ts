import fc from 'fast-check';
import { CATALOG } from '../../apis/catalog.ts';
import { crdOf } from '../../apis/crd.ts';
import type { KindDefinition } from '../../apis/meta/kind.ts';
import { eventually } from '../cloud.ts';
import { requires } from '../prerequisites.ts';
import { askerOf, startReferenceServer, type Ask, type JsonAnswer, type ReferenceServer } from './reference-server.ts';
import { ACCEPTED, CHANGES, REFUSED, type Sample } from './samples.ts';
import { serveApi, type ServedApi } from './served-api.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const OURS = CATALOG.filter(({ origin }) => origin === 'ours');

/** Values that a field is replaced by; undefined takes it away. */
const STRANGE = [
  null,
  undefined,
  '',
  'a',
  'Enabled',
  '1Gi',
  '0.5',
  '1e3',
  ' 1Gi',
  'x'.repeat(300),
  'ä',
  1.5,
  1e20,
  -0,
  {},
  { a: 'b' },
  [],
  true,
  [{}],
  [null],
  ['a', 'a'],
];

type Json = Readonly<Record<string, unknown>>;

function kindOf(name: string): KindDefinition {
  const kind = OURS.find((one) => one.kind === name);
  if (kind === undefined) throw new RangeError(name);
  return kind;
}

function pathOf({ group, version, plural, scope }: KindDefinition): string {
  return `/apis/${group}/${version}/${scope === 'Namespaced' ? 'namespaces/default/' : ''}${plural}`;
}

function objectOf(kind: KindDefinition, name: string, fields: object): object {
  return { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name }, ...fields };
}

/** What both servers must say alike: the code, the fields that were wrong, and the object without what a server makes up. */
function verdict({ code, body, headers }: JsonAnswer): Json {
  const { spec, status } = body;
  if (code >= 400) return { code };
  return { code, spec, status, warned: headers.warning !== undefined };
}

function causesOf({ body }: JsonAnswer): readonly string[] {
  const causes = ((body.details as Json | undefined)?.causes ?? []) as readonly Json[];
  return causes.map(({ field }) => String(field)).sort();
}

requires('KUBEBUILDER_ASSETS', 'etcd')('the CRDs on a Kubernetes API server', () => {
  let reference: ReferenceServer;
  let served: ServedApi;
  let ours: Ask;
  let end: () => void;
  const installed: JsonAnswer[] = [];

  beforeAll(async () => {
    [reference, served] = await Promise.all([startReferenceServer(), serveApi()]);
    ({ ask: ours, end } = askerOf(served.url, { authorization: `Bearer ${served.token}` }));
    for (const kind of OURS) installed.push(await reference.ask('POST', CRDS, crdOf(kind)));
    for (const kind of OURS) {
      await eventually(`${kind.kind} is served`, 20_000, async () => (await reference.ask('GET', pathOf(kind))).code === 200 || undefined);
    }
  }, 90_000);

  afterAll(async () => {
    end();
    await Promise.all([reference.close(), served.close()]);
  });

  async function both(
    method: string,
    path: string,
    body: unknown,
    headers = {},
  ): Promise<{ readonly theirs: JsonAnswer; readonly own: JsonAnswer }> {
    const [theirs, own] = await Promise.all([reference.ask(method, path, body, headers), ours(method, path, body, headers)]);
    return { theirs, own };
  }

  test('are accepted without a warning, established, and structural', async () => {
    expect(installed.map(({ code, headers, body }) => [code, headers.warning ?? body.message])).toEqual(OURS.map(() => [201, undefined]));
    for (const kind of OURS) {
      const { body } = await reference.ask('GET', `${CRDS}/${kind.plural}.${kind.group}`);
      const conditions = (body.status as { readonly conditions: readonly Json[] }).conditions;
      expect(conditions.map(({ type, status }) => `${String(type)}=${String(status)}`).sort()).toEqual([
        'Established=True',
        'NamesAccepted=True',
      ]);
    }
  });

  test.each(ACCEPTED)('$kind $title: both servers accept it, and store the same', async ({ kind: name, title, fields }: Sample) => {
    const kind = kindOf(name);
    const path = `${pathOf(kind)}?dryRun=All&fieldValidation=${title.includes('unknown') ? 'Warn' : 'Strict'}`;
    const { theirs, own } = await both('POST', path, objectOf(kind, 'sample', fields));
    expect(own.body.message).toBeUndefined();
    expect(verdict(own)).toEqual(verdict(theirs));
    expect(own.code).toBe(201);
  });

  test.each(REFUSED)(
    '$kind $title: both servers refuse it, and name the same field',
    async ({ kind: name, fields, strict = true }: Sample) => {
      const kind = kindOf(name);
      const path = `${pathOf(kind)}?dryRun=All&fieldValidation=${strict ? 'Strict' : 'Ignore'}`;
      const { theirs, own } = await both('POST', path, objectOf(kind, 'sample', fields));
      expect([own.code, theirs.code]).toEqual([theirs.code, theirs.code]);
      expect(theirs.code).toBeGreaterThanOrEqual(400);
      // Kubernetes goes on to name what could not be checked because of the first error.
      if (theirs.code === 422) expect(causesOf(own)).not.toHaveLength(0);
      // What does not decode strictly has its fields in Kubernetes' message only; ours are causes too.
      if (theirs.code === 422) expect(causesOf(theirs)).toEqual(expect.arrayContaining([...causesOf(own)]));
      else for (const field of causesOf(own)) expect(JSON.stringify(theirs.body)).toContain(field);
    },
  );

  test.each(CHANGES)('$kind $title: both servers decide alike about the change', async ({ kind: name, title, fields, change }) => {
    const kind = kindOf(name);
    const object = `change-${title.replaceAll(/[^a-z]/g, '-')}`;
    const made = await both('POST', pathOf(kind), objectOf(kind, object, fields));
    expect([made.own.code, made.theirs.code]).toEqual([201, 201]);
    const changed = await both('PATCH', `${pathOf(kind)}/${object}`, change, { 'content-type': 'application/merge-patch+json' });
    expect(verdict(changed.own)).toEqual(verdict(changed.theirs));
    expect(causesOf(changed.own)).toEqual(causesOf(changed.theirs));
  });

  test('decide alike about samples that were changed at random', async () => {
    const value = fc.oneof(fc.constantFrom(...STRANGE), fc.integer({ min: -3, max: 5000 }));
    const place = fc.tuple(fc.constantFrom(...ACCEPTED), fc.nat(1000), value);
    await fc.assert(
      fc.asyncProperty(place, async ([sample, at, replacement]) => {
        const kind = kindOf(sample.kind);
        const fields = replaced(sample.fields, at, replacement);
        const { theirs, own } = await both('POST', `${pathOf(kind)}?dryRun=All&fieldValidation=Ignore`, objectOf(kind, 'sample', fields));
        expect({ fields, ...verdict(own), why: own.code === theirs.code ? '' : own.body.message }).toEqual({
          fields,
          ...verdict(theirs),
          why: own.code === theirs.code ? '' : theirs.body.message,
        });
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

/** A copy of `fields` in which one leaf or branch, the `at`-th of all, is another value. */
function replaced(fields: object, at: number, value: unknown): object {
  const paths: (readonly (string | number)[])[] = [];
  const walk = (node: unknown, path: readonly (string | number)[]): void => {
    if (path.length > 0) paths.push(path);
    if (typeof node !== 'object' || node === null) return;
    for (const [key, child] of Object.entries(node)) walk(child, [...path, Array.isArray(node) ? Number(key) : key]);
  };
  walk(fields, []);
  const copy = structuredClone(fields);
  const path = paths[at % Math.max(1, paths.length)];
  if (path === undefined) return copy;
  let parent: unknown = copy;
  for (const key of path.slice(0, -1)) parent = (parent as Record<string | number, unknown>)[key];
  (parent as Record<string | number, unknown>)[path.at(-1) ?? ''] = value;
  return copy;
}
