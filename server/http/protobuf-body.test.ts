import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { ApiError } from '../../apis/meta/api-error.ts';
import { openBench, type Bench } from '../../test/api-bench.ts';
import { jsonOfProtobuf } from './protobuf-body.ts';

type Write = (writer: BinaryWriter) => BinaryWriter;

/** What `kubectl create namespace x` of the versions 1.32 and 1.33 sent, byte for byte. */
const RECORDED = Buffer.from(
  '6b3873000a0f0a02763112094e616d65737061636512190a110a017812001a0022002a0032003800420012001a020a001a002200',
  'hex',
);
const MAGIC = [0x6b, 0x38, 0x73, 0x00];

const text =
  (number: number, value: string): Write =>
  (writer) =>
    writer.tag(number, WireType.LengthDelimited).string(value);
const int =
  (number: number, value: number | bigint): Write =>
  (writer) =>
    writer.tag(number, WireType.Varint).int64(value);
const bytes =
  (number: number, value: Uint8Array): Write =>
  (writer) =>
    writer.tag(number, WireType.LengthDelimited).bytes(value);
const message = (...fields: readonly Write[]): Uint8Array => fields.reduce((writer, write) => write(writer), new BinaryWriter()).finish();
const part = (number: number, ...fields: readonly Write[]): Write => bytes(number, message(...fields));

function envelope(apiVersion: string, kind: string, ...rest: readonly Write[]): Uint8Array {
  return Buffer.concat([Buffer.from(MAGIC), message(part(1, text(1, apiVersion), text(2, kind)), ...rest)]);
}

function body(apiVersion: string, kind: string, ...fields: readonly Write[]): Uint8Array {
  return envelope(apiVersion, kind, part(2, ...fields), text(3, ''), text(4, ''));
}

function decode(sent: Uint8Array): unknown {
  return JSON.parse(jsonOfProtobuf(sent));
}

function errorOf(sent: Uint8Array): ApiError {
  try {
    jsonOfProtobuf(sent);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was read');
}

/** A timestamp of 2026-11-21T08:00:00Z and some microseconds. */
const moment = (number: number, nanos = 0): Write => part(number, int(1, 1_795_248_000), int(2, nanos));

const EVENT_BYTES = body(
  'v1',
  'Event',
  part(1, text(1, 'web.1'), text(3, 'default')),
  part(2, text(1, 'VirtualMachine'), text(2, 'default'), text(3, 'web'), text(4, 'u-1'), text(5, 'compute.example/v1')),
  text(3, 'Started'),
  text(4, 'it runs — at last'),
  part(5, text(1, 'ann'), text(2, '')),
  moment(6, 999),
  moment(7),
  int(8, 3),
  text(9, 'Normal'),
  bytes(10, new Uint8Array()),
  part(11, int(1, 0), moment(2, 1_999)),
  text(12, ''),
  text(14, 'example.dev/ann'),
  text(15, 'ann-0'),
);

const EVENT_V1_BYTES = body(
  'events.k8s.io/v1',
  'Event',
  part(1, text(1, 'web.2'), text(3, 'default')),
  moment(2, 123_456_789),
  text(4, 'example.dev/ann'),
  text(5, 'ann-0'),
  text(6, 'Start'),
  text(7, 'Started'),
  part(8, text(3, 'web'), text(6, '12'), text(7, 'spec')),
  part(9, text(3, 'h1')),
  text(10, 'it runs'),
  text(11, 'Warning'),
  part(12),
  moment(13),
  moment(14),
  int(15, 2),
);

const LEASE_BYTES = body(
  'coordination.k8s.io/v1',
  'Lease',
  part(1, text(1, 'leader')),
  part(2, text(1, ''), int(2, 15), moment(3, 5_000), moment(4, 0), int(5, 0), text(6, 'OldestEmulationVersion'), text(7, 'b')),
);

describe('a protobuf body', () => {
  test('that kubectl sent is the object that its JSON would have been', () => {
    expect(decode(RECORDED)).toEqual({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec: {}, status: {} });
  });

  test('holds all of metadata: labels, owners, finalizers and what is false or zero on purpose', () => {
    const metadata = part(
      1,
      text(1, 'shop'),
      int(7, 4),
      moment(8),
      int(10, 0),
      part(11, text(1, 'a'), text(2, 'b')),
      part(11, text(1, '__proto__'), text(2, 'c')),
      part(11, text(1, 'a'), text(2, 'last')),
      part(12, text(1, 'note')),
      part(13, text(1, 'Zone'), text(3, 'z'), text(4, 'u'), text(5, 'v'), int(6, 0), int(7, 1)),
      text(14, 'example.dev/one'),
      text(14, 'example.dev/two'),
      part(17, text(1, 'kubectl')),
    );
    const conditions = part(2, text(1, 'Gone'), text(2, 'False'), moment(4), text(5, 'R'), text(6, 'm'));
    const sent = body('v1', 'Namespace', metadata, part(2, text(1, 'kubernetes')), part(3, text(1, 'Active'), conditions));
    const shown = jsonOfProtobuf(sent);
    expect(shown).toContain('"labels":{"a":"last","__proto__":"c"}');
    expect(JSON.parse(shown.replace(',"__proto__":"c"', ''))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'shop',
        generation: 4,
        creationTimestamp: '2026-11-21T08:00:00Z',
        deletionGracePeriodSeconds: 0,
        labels: { a: 'last' },
        annotations: { note: '' },
        ownerReferences: [{ kind: 'Zone', name: 'z', uid: 'u', apiVersion: 'v', controller: false, blockOwnerDeletion: true }],
        finalizers: ['example.dev/one', 'example.dev/two'],
      },
      spec: { finalizers: ['kubernetes'] },
      status: {
        phase: 'Active',
        conditions: [{ type: 'Gone', status: 'False', lastTransitionTime: '2026-11-21T08:00:00Z', reason: 'R', message: 'm' }],
      },
    });
  });

  test('of a core Event says times to the second, of its series to the microsecond, and nothing for times that nobody set', () => {
    expect(decode(EVENT_BYTES)).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: { kind: 'VirtualMachine', namespace: 'default', name: 'web', uid: 'u-1', apiVersion: 'compute.example/v1' },
      reason: 'Started',
      message: 'it runs — at last',
      source: { component: 'ann' },
      firstTimestamp: '2026-11-21T08:00:00Z',
      lastTimestamp: '2026-11-21T08:00:00Z',
      count: 3,
      type: 'Normal',
      series: { count: 0, lastObservedTime: '2026-11-21T08:00:00.000001Z' },
      reportingComponent: 'example.dev/ann',
      reportingInstance: 'ann-0',
    });
  });

  test('of an events.k8s.io Event has the names of that group', () => {
    expect(decode(EVENT_V1_BYTES)).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'web.2', namespace: 'default' },
      eventTime: '2026-11-21T08:00:00.123456Z',
      reportingController: 'example.dev/ann',
      reportingInstance: 'ann-0',
      action: 'Start',
      reason: 'Started',
      regarding: { name: 'web', resourceVersion: '12', fieldPath: 'spec' },
      related: { name: 'h1' },
      note: 'it runs',
      type: 'Warning',
      deprecatedSource: {},
      deprecatedFirstTimestamp: '2026-11-21T08:00:00Z',
      deprecatedLastTimestamp: '2026-11-21T08:00:00Z',
      deprecatedCount: 2,
    });
  });

  test('of a Lease keeps an empty holder and zeros, which say that nobody leads', () => {
    expect(decode(LEASE_BYTES)).toEqual({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'leader' },
      spec: {
        holderIdentity: '',
        leaseDurationSeconds: 15,
        acquireTime: '2026-11-21T08:00:00.000005Z',
        renewTime: '2026-11-21T08:00:00.000000Z',
        leaseTransitions: 0,
        strategy: 'OldestEmulationVersion',
        preferredHolder: 'b',
      },
    });
  });

  test.each(['v1', 'coordination.k8s.io/v1', 'meta.k8s.io/v1'])('of DeleteOptions in the group of %s is read', (apiVersion) => {
    const options = [int(1, 0), part(2, text(1, 'u'), text(2, '7')), int(3, 0), text(4, 'Background'), text(5, 'All')];
    expect(decode(body(apiVersion, 'DeleteOptions', ...options))).toEqual({
      apiVersion,
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u', resourceVersion: '7' },
      orphanDependents: false,
      propagationPolicy: 'Background',
      dryRun: ['All'],
    });
    expect(decode(body(apiVersion, 'DeleteOptions'))).toEqual({ apiVersion, kind: 'DeleteOptions' });
  });

  test('may have unknown fields that are empty, may repeat fields, and the last one counts', () => {
    const unknown = [int(900, 0), text(901, ''), (writer: BinaryWriter) => writer.tag(902, WireType.Bit64).fixed64(0)];
    const sent = body('v1', 'Namespace', part(1, text(1, 'a'), ...unknown), part(1, text(1, 'b'), text(2, 'g')), part(1, text(2, '')));
    expect(decode(sent)).toEqual({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'b' } });
  });
});

describe('what a protobuf body holds', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(() => bench.close());

  test.each([
    ['a Namespace', '/api/v1/namespaces', RECORDED],
    ['a core Event', '/api/v1/namespaces/default/events', EVENT_BYTES],
    ['an events.k8s.io Event', '/apis/events.k8s.io/v1/namespaces/default/events', EVENT_V1_BYTES],
    ['a Lease', '/apis/coordination.k8s.io/v1/namespaces/default/leases', LEASE_BYTES],
  ])('is %s that the API takes with strict field validation', async (_, path, sent) => {
    const made = await bench.ask('POST', path, { query: { fieldValidation: 'Strict' }, body: jsonOfProtobuf(sent) });
    expect(made).toMatchObject({ status: 201 });
    expect(made.headers).not.toHaveProperty('warning');
  });

  test('are options that a delete obeys', async () => {
    const path = '/api/v1/namespaces/going';
    await bench.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'going' } });
    const wrong = jsonOfProtobuf(body('v1', 'DeleteOptions', part(2, text(1, 'another'))));
    expect(await bench.ask('DELETE', path, { body: wrong })).toMatchObject({ status: 409 });
    const dry = jsonOfProtobuf(body('v1', 'DeleteOptions', int(1, 0), text(4, 'Foreground'), text(5, 'All')));
    expect(await bench.ask('DELETE', path, { body: dry })).toMatchObject({ status: 200 });
    expect((await bench.ask('GET', path)).body.metadata.deletionTimestamp).toBeUndefined();
  });
});

describe('a protobuf body that cannot be read', () => {
  const deep = (writer: BinaryWriter): BinaryWriter => {
    for (let level = 0; level < 100_000; level += 1) writer.tag(900, WireType.StartGroup);
    return writer;
  };
  const many = (writer: BinaryWriter): BinaryWriter => {
    for (let count = 0; count < 70_000; count += 1) text(14, '')(writer);
    return writer;
  };
  const namespace = (...fields: readonly Write[]): Uint8Array => body('v1', 'Namespace', part(1, ...fields));

  test.each<readonly [string, Uint8Array, string]>([
    ['is empty', new Uint8Array(), 'its first four bytes'],
    ['is JSON', Buffer.from('{"kind":"Namespace"}'), 'its first four bytes'],
    ['ends after its first four bytes', Buffer.from(MAGIC), 'apiVersion and kind'],
    ['has no kind', envelope('v1', '', part(2)), 'apiVersion and kind'],
    ['has no apiVersion', envelope('', 'Namespace', part(2)), 'apiVersion and kind'],
    ['has no object', envelope('v1', 'Namespace'), 'it has no object'],
    ['has a number for a text', namespace(int(1, 5)), 'Namespace.metadata: field 1 is of wire type 0 instead of 2'],
    ['has a text for a number', namespace(text(7, '5')), 'Namespace.metadata: field 7 is of wire type 2 instead of 0'],
    ['has a text that is not UTF-8', namespace(bytes(1, Buffer.from([0xff]))), 'Namespace.metadata: field 1 is not UTF-8'],
    ['has a number that JSON cannot hold', namespace(int(7, 2n ** 60n)), 'field 7 is an integer beyond 2^53'],
    ['has a time after the year 9999', namespace(part(8, int(1, 253_402_300_800))), 'Namespace.metadata.creationTimestamp: the time'],
    ['has a time before the year 1', namespace(part(8, int(1, -62_135_596_801))), 'Namespace.metadata.creationTimestamp: the time'],
    ['has a billion nanoseconds', namespace(part(8, int(1, 1), int(2, 1_000_000_000))), 'nanoseconds'],
    ['has groups in groups', namespace(deep), 'field 900 is a group'],
    ['has the end of a group', namespace((writer) => writer.tag(900, WireType.EndGroup)), 'field 900 is a group'],
    ['has more fields than any object', namespace(many), 'more fields'],
  ])('because it %s is refused with 400, which says where', (_, sent, where) => {
    const error = errorOf(sent);
    expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(error.message).toContain(where);
  });

  test.each([
    ['of a kind that comes as JSON only', body('compute.lenticular.dev/v1alpha1', 'VirtualMachine', text(1, 'x'))],
    ['of a kind in another version', body('coordination.k8s.io/v1beta1', 'Lease')],
    ['of which a field is not known', namespace(text(900, 'x'))],
    ['of which a number is not known', namespace(int(900, 1))],
    ['whose envelope says more than is known', envelope('v1', 'Namespace', part(2), text(5, 'x'))],
    ['whose object is compressed', envelope('v1', 'Namespace', part(2), text(3, 'gzip'))],
    ['whose object is JSON', envelope('v1', 'Namespace', part(2), text(4, 'application/json'))],
  ])('%s is refused with 415, which says what to send', (_, sent) => {
    const error = errorOf(sent);
    expect(error).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    expect(error.message).toContain('send application/json');
  });

  test('says no more than the beginning of a kind that a client made up', () => {
    expect(errorOf(body('v1', 'K'.repeat(100_000))).message.length).toBeLessThan(300);
  });

  test.each([
    ['kubectl sent', RECORDED],
    ['is an event', EVENT_BYTES],
  ])('because what %s is cut off is refused with 400 at every byte, but where only empty trailing fields are lost', (_, whole) => {
    const trailing = [whole.length - 2, whole.length - 4];
    for (let length = 0; length < whole.length; length += 1) {
      const cut = whole.subarray(0, length);
      if (trailing.includes(length)) expect(decode(cut)).toEqual(decode(whole));
      else expect(errorOf(cut).code).toBe(400);
    }
  });

  test('is an ApiError, whatever its bytes', () => {
    const kinds = fc.constantFrom(['v1', 'Namespace'], ['v1', 'Event'], ['coordination.k8s.io/v1', 'Lease'], ['v1', 'DeleteOptions']);
    const random = fc.uint8Array({ maxLength: 200 });
    const changed = fc.tuple(fc.nat(EVENT_BYTES.length - 1), fc.nat(255)).map(([at, value]) => EVENT_BYTES.with(at, value));
    const wrapped = fc.tuple(kinds, random).map(([[apiVersion = '', kind = ''], raw]) => envelope(apiVersion, kind, bytes(2, raw)));
    const nested = fc.tuple(kinds, random).map(([[apiVersion = '', kind = ''], raw]) => body(apiVersion, kind, bytes(1, raw)));
    const anything = fc.oneof(
      random,
      random.map((bytesOf) => Buffer.concat([Buffer.from(MAGIC), bytesOf])),
      wrapped,
      nested,
      changed,
    );
    fc.assert(
      fc.property(anything, (sent) => {
        try {
          expect(decode(sent)).toMatchObject({ kind: expect.any(String) as unknown });
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          expect([400, 415]).toContain(error instanceof ApiError ? error.code : 0);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
