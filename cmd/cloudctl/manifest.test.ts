import { ManifestError, readManifests } from './manifest.ts';

const FILE = `apiVersion: v1
kind: Thing
spec:
  disks:
  - name: root
    volume: data-1
  - {name: scratch, volume: data-2}
---
# only a comment
---
{"apiVersion": "v1", "spec": {"cpus": 4}}
`;

test('every document of a file is read, and empty ones are skipped', () => {
  expect(readManifests('f.yaml', FILE).map(({ value }) => value.spec)).toEqual([
    {
      disks: [
        { name: 'root', volume: 'data-1' },
        { name: 'scratch', volume: 'data-2' },
      ],
    },
    { cpus: 4 },
  ]);
});

test.each([
  ['spec', { line: 3, column: 1 }],
  ['spec.disks', { line: 4, column: 3 }],
  ['spec.disks[0]', { line: 5, column: 5 }],
  ['spec.disks[0].volume', { line: 6, column: 5 }],
  ['spec.disks[1].volume', { line: 7, column: 21 }],
  ['spec.disks[1].readOnly', { line: 7, column: 5 }],
  ['spec.cpus', { line: 3, column: 1 }],
  ['metadata.name', { line: 1, column: 1 }],
])('%s is found where it stands, or where the nearest field around it does', (field, position) => {
  expect(readManifests('f.yaml', FILE)[0]?.positionOf(field)).toEqual(position);
});

test('positions of a second document count from the beginning of the file', () => {
  expect(readManifests('f.yaml', FILE)[1]?.positionOf('spec.cpus')).toEqual({ line: 11, column: 32 });
});

test.each([
  ['yes', true],
  ['off', false],
  ['0777', 511],
  ['2001-01-01', '2001-01-01'],
  ['1_000', 1000],
  ['"yes"', 'yes'],
  ['~', null],
])('the scalar %s is read as kubectl reads it', (text, value) => {
  expect(readManifests('f.yaml', `value: ${text}\n`)[0]?.value.value).toEqual(value);
});

test('merge keys are applied, as kubectl does', () => {
  const [manifest] = readManifests('f.yaml', 'base: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n');
  expect(manifest?.value.more).toEqual({ a: 1, b: 2 });
});

test.each([
  ['broken YAML', 'a: [1\nb: 2\n', 'f.yaml:2:1: this is not YAML: '],
  ['a key twice', 'a: 1\na: 2\n', 'f.yaml:2:1: this is not YAML: duplicated mapping key'],
  ['a list', '- a\n', 'f.yaml:1:1: a document must be a mapping'],
  ['a bare word', 'hello\n', 'f.yaml:1:1: a document must be a mapping'],
  ['a NUL', 'a: \0\n', 'f.yaml:1:4: this is not YAML: '],
])('%s is refused with its place', (_what, text, message) => {
  expect(() => readManifests('f.yaml', text)).toThrow(ManifestError);
  expect(() => readManifests('f.yaml', text)).toThrow(message);
});

test('an alias bomb is refused instead of filling the memory', () => {
  const levels = Array.from(
    { length: 12 },
    (_, index) =>
      `l${String(index)}: &l${String(index)} [${Array(9)
        .fill(index === 0 ? 'x' : `*l${String(index - 1)}`)
        .join(', ')}]`,
  );
  const many = `${levels.join('\n')}\nmore: [${Array(200).fill('*l0').join(', ')}]\n`;
  expect(() => readManifests('f.yaml', many)).toThrow(ManifestError);
});

test('a List is read as its items, each with its own places', () => {
  const list = 'apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: B\n  spec: {x: 1}\n';
  const manifests = readManifests('f.yaml', list);
  expect(manifests.map(({ value }) => value.kind)).toEqual(['A', 'B']);
  expect(manifests[1]?.positionOf('spec.x')).toEqual({ line: 6, column: 10 });
  expect(manifests[1]?.positionOf('metadata.name')).toEqual({ line: 5, column: 3 });
  expect(() => readManifests('f.yaml', 'apiVersion: v1\nkind: List\nitems: [{kind: A}, 7]\n')).toThrow('f.yaml:3:20: an item must be');
});
