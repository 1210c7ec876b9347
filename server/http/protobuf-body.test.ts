import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { jsonOfProtobuf } from './protobuf-body.ts';

type Field = readonly [number: number, content: string | Uint8Array | number];

function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, content] of fields) {
    if (typeof content === 'number') writer.tag(number, WireType.Varint).int64(content);
    else if (typeof content === 'string') writer.tag(number, WireType.LengthDelimited).string(content);
    else writer.tag(number, WireType.LengthDelimited).bytes(content);
  }
  return writer.finish();
}

function body(kind: string, ...raw: readonly Field[]): Uint8Array {
  const unknown = message([1, message([1, 'v1'], [2, kind])], [2, message(...raw)], [3, ''], [4, '']);
  return Buffer.concat([Buffer.from('k8s\0'), unknown]);
}

describe('a body in Kubernetes’ binary form', () => {
  test('is read for a Namespace, as kubectl 1.32 and later create one', () => {
    const metadata = message(
      [1, 'team'],
      [2, ''],
      [3, ''],
      [7, 0],
      [8, new Uint8Array()],
      [11, message([1, 'a'], [2, 'b'])],
      [11, message([1, 'c'], [2, ''])],
      [14, 'x/y'],
    );
    expect(JSON.parse(jsonOfProtobuf(body('Namespace', [1, metadata], [2, new Uint8Array()], [3, message([1, ''])])))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'team', labels: { a: 'b', c: '' }, finalizers: ['x/y'] },
      spec: {},
      status: {},
    });
  });

  test.each([
    ['another kind', body('Secret', [1, message([1, 'a'])])],
    ['a field that is not known', body('Namespace', [9, 'x'])],
    ['a field of another type', body('Namespace', [1, message([1, 5])])],
    ['a generation that is set', body('Namespace', [1, message([7, 5])])],
  ])('with %s is refused, never read in part', (_, bytes) => {
    expect(() => jsonOfProtobuf(bytes)).toThrow(expect.objectContaining({ reason: 'UnsupportedMediaType' }) as Error);
  });

  test('that is broken anywhere is refused with an API error', () => {
    const whole = body('Namespace', [1, message([1, 'team'], [11, message([1, 'a'], [2, 'b'])])]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const broken = Uint8Array.from(whole);
        broken[at] = byte;
        try {
          JSON.parse(jsonOfProtobuf(broken));
          return true;
        } catch (error) {
          return (error as Error).name === 'ApiError';
        }
      }),
    );
  });
});
