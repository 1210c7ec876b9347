import { templateOf } from './template.ts';

const LIST = {
  items: [
    { metadata: { name: 'a', 'a.b/c': 'dotted' }, status: { ready: true } },
    { metadata: { name: 'b' }, spec: { tags: ['x', 'y'] } },
  ],
};

test.each([
  ['{.items[0].metadata.name}', 'a'],
  ['name={.items[1].metadata.name}!', 'name=b!'],
  ['{range .items[*]}{.metadata.name}{"\\n"}{end}', 'a\nb\n'],
  ['{.items[*].metadata.name}', 'a b'],
  ['{.items[1].spec.tags}', '["x","y"]'],
  ['{.items[0].status.ready}', 'true'],
  ['{$.items[0].metadata.name}', 'a'],
  ['{.items[?(@.metadata.name=="b")].spec.tags[1]}', 'y'],
  ['{.nothing}', ''],
  ['{.items[0].metadata.a\\.b/c}', 'dotted'],
  ['{.items[0].metadata["a.b/c"]}', 'dotted'],
])('%s prints as kubectl does', (template, text) => {
  expect(templateOf(template)(LIST)).toBe(text);
});

test.each(['{.a', '{range .items[*]}x', '{end}', '{.a b}'])('%s is refused', (template) => {
  expect(() => templateOf(template)).toThrow('jsonpath');
});
