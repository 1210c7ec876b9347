import { columns, columnWriter, tableRows, yamlOf } from './print.ts';

test('columns are as wide as their widest cell and three spaces, but never under six', () => {
  expect(
    columns([
      ['VM', 'NAME', 'AGE'],
      ['', 'web-10', '5s'],
    ]),
  ).toEqual(['VM    NAME     AGE', '      web-10   5s']);
});

test('columns that were written once do not become narrower', () => {
  const write = columnWriter();
  write([['a-long-name', 'x']]);
  expect(write([['b', 'y']])).toEqual(['b             y']);
});

test('a cell moves no cursor and breaks no line', () => {
  const table = { columnDefinitions: [{ name: 'Name' }, { name: 'Note', priority: 1 }], rows: [{ cells: ['a\u001b[2Jb\nc', null] }] };
  expect(tableRows(table, { wide: true, namespaces: false })).toEqual([
    ['NAME', 'NOTE'],
    ['a [2Jb c', ''],
  ]);
  expect(tableRows(table, { wide: false, namespaces: false, prefix: 'zone' })[1]).toEqual(['zone/a [2Jb c']);
});

test('no column moves a cursor or turns the direction of writing, and none is as wide as what was taken away', () => {
  expect(columns([['\u001b[31mred\nline', 'x\u202ey', '\u009b2Jz']])).toEqual([' [31mred line   x y   \u00202Jz']);
});

test('YAML has its keys in order and its lists not indented', () => {
  expect(yamlOf({ b: ['1', { d: 1, c: true }], a: 'true' })).toBe('a: "true"\nb:\n- "1"\n- c: true\n  d: 1\n');
});
