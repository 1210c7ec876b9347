import fc from 'fast-check';
import { kubectlJson } from './kubectl-json.ts';
import { lastApplied, withLastApplied } from './last-applied.ts';

const KEY = 'kubectl.kubernetes.io/last-applied-configuration';
const MANIFEST = { kind: 'Zone', apiVersion: 'v1', metadata: { name: 'z', labels: { b: '1', a: '2' } }, spec: { note: '<a> & b' } };

function annotationsOf(value: unknown): Readonly<Record<string, string>> {
  return (value as { metadata: { annotations: Record<string, string> } }).metadata.annotations;
}

test('what was applied is told in the very text that kubectl writes', () => {
  expect(annotationsOf(withLastApplied(MANIFEST, { namespace: undefined, live: undefined }))[KEY]).toBe(
    '{"apiVersion":"v1","kind":"Zone","metadata":{"annotations":{},"labels":{"a":"2","b":"1"},"name":"z"},"spec":{"note":"\\u003ca\\u003e \\u0026 b"}}\n',
  );
});

test('the same said in other words is kept, something else is replaced', () => {
  const same = { [KEY]: JSON.stringify({ ...MANIFEST, metadata: { ...MANIFEST.metadata, namespace: 'n', annotations: {} } }) };
  expect(annotationsOf(withLastApplied(MANIFEST, { namespace: 'n', live: same }))[KEY]).toBe(same[KEY]);
  expect(annotationsOf(withLastApplied(MANIFEST, { namespace: 'm', live: same }))[KEY]).toContain('"namespace":"m"');
});

test('an annotation of the same name in the manifest does not count', () => {
  const manifest = { ...MANIFEST, metadata: { name: 'z', annotations: { [KEY]: 'mine', other: 'x' } } };
  const annotations = annotationsOf(withLastApplied(manifest, { namespace: undefined, live: undefined }));
  expect(JSON.parse(annotations[KEY] ?? '')).toMatchObject({ metadata: { annotations: { other: 'x' } } });
  expect(annotations[KEY]).not.toContain('mine');
});

test.each([undefined, {}, { [KEY]: 'no JSON' }, { [KEY]: '[]' }, { [KEY]: 'null' }])('%j tells of nothing applied', (annotations) => {
  expect(lastApplied(annotations)).toEqual({});
});

test('what was written is read again', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        fc.jsonValue(),
      ),
      (manifest) => {
        expect(lastApplied({ [KEY]: kubectlJson(manifest) })).toEqual(JSON.parse(JSON.stringify(manifest)));
      },
    ),
  );
});
