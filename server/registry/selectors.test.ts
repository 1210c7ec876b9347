import fc from 'fast-check';
import { CATALOG } from '../../apis/catalog.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';
import { entryOf, shapeOf } from './entry.ts';
import { resourcesOf } from './resource.ts';
import { matcherOf } from './selection.ts';
import { selects } from '../../apis/meta/selector.ts';

function selectsBy(text: string, labels: Readonly<Record<string, string>>): boolean {
  return selects({ matchExpressions: [...parseLabelSelector(text)] }, labels);
}

describe('a label selector', () => {
  const labels = { app: 'web', tier: 'front', 'example.org/x': '' };
  test.each([
    ['', true],
    ['app=web', true],
    ['app==web,tier!=back', true],
    ['app = web , tier = front', true],
    ['app=db', false],
    ['none!=x', true],
    ['app', true],
    ['!app', false],
    ['!none', true],
    ['app in (web, db)', true],
    ['app in (db),tier', false],
    ['app notin (db)', true],
    ['none notin (a)', true],
    ['example.org/x=', true],
    ['example.org/x in ()', true],
  ])('%j selects: %s', (text, wanted) => {
    expect(selectsBy(text, labels)).toBe(wanted);
  });

  test.each(['=', 'a=b=c', 'a in b', 'a in (b', 'a,,b', ',', 'a b', '!', 'a=$', 'a/b/c=d', 'a>1', `${'a'.repeat(64)}=b`])(
    '%j is refused',
    (text) => {
      expect(() => parseLabelSelector(text)).toThrow('unable to parse requirement');
    },
  );

  test('any text is a selector or a bad request, and equality selects what has the label', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          selectsBy(text, labels);
        } catch (error) {
          expect(error).toMatchObject({ reason: 'BadRequest' });
        }
      }),
    );
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    fc.assert(fc.property(word, word, word, (key, value, other) => selectsBy(`${key}=${value}`, { [key]: other }) === (value === other)));
  });
});

describe('a field selector', () => {
  const events = resourcesOf(CATALOG).find(({ kind }) => kind.kind === 'Event' && kind.group === '');
  const object = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'n' },
    involvedObject: { name: 'a,b=c', kind: 'Zone' },
  } as unknown as ApiObject;
  const parse = (text: string): ((of: ApiObject) => boolean) => {
    const resource = events ?? fail();
    const matches = matcherOf(resource, { labels: [], fields: parseFieldSelector(resource, text) });
    const stored = { key: `${resource.prefix}n/e`, resourceVersion: 1n };
    return (of) => matches(entryOf({ ...stored, value: JSON.stringify(of) }, shapeOf(resource, false)));
  };
  const fail = (): never => {
    throw new Error('no Events');
  };

  test.each([
    ['', true],
    ['metadata.name=e', true],
    ['metadata.name==e,metadata.namespace!=m', true],
    ['involvedObject.kind=Zone,involvedObject.uid=', true],
    ['involvedObject.name=a\\,b\\=c', true],
    ['involvedObject.name=x', false],
  ])('%j selects: %s', (text, wanted) => {
    expect(parse(text)(object)).toBe(wanted);
  });

  test.each([
    ['spec.nope=1', 'field label not supported: spec.nope'],
    ['metadata.name', 'invalid field selector'],
    ['=x', 'invalid field selector'],
  ])('%j is refused, saying what there is', (text, says) => {
    expect(() => parse(text)).toThrow(says);
  });
});
