import { NamespaceKind } from '../apis/core/v1/namespace/kind.ts';
import { REAL_CLOCK } from '../test/api-bench.ts';
import { keptLog, openClientBench, type ClientBench } from '../test/client-bench.ts';
import { installationOf, SYSTEM_NAMESPACE } from './installation.ts';

let bench: ClientBench;

beforeEach(async () => {
  bench = await openClientBench();
  const namespace = await bench.client.get(NamespaceKind, { name: SYSTEM_NAMESPACE }, bench.signal);
  if (namespace === undefined) {
    await bench.client.create(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, bench.signal);
  }
});

afterEach(() => bench.close());

function annotate(incarnation: string | null): Promise<unknown> {
  const metadata = { annotations: { 'ops.lenticular.dev/incarnation': incarnation } };
  return bench.client.patch(NamespaceKind, { name: SYSTEM_NAMESPACE }, { metadata }, bench.signal);
}

test('the installation is the uid of the system namespace, in its first incarnation unless the annotation says otherwise', async () => {
  const first = await installationOf({ client: bench.client, clock: REAL_CLOCK, log: keptLog() }, bench.signal);
  await annotate('1800000000007');
  const later = await installationOf({ client: bench.client, clock: REAL_CLOCK, log: keptLog() }, bench.signal);
  expect([first.incarnation, later.incarnation]).toEqual([1, 1_800_000_000_007]);
  expect(first.installation).toMatch(/^[0-9a-f-]{36}$/);
  expect(later.installation).toBe(first.installation);
});

test('an incarnation that is no number is waited out, and said, instead of fencing nothing', async () => {
  await annotate('many');
  const log = keptLog();
  const waiting = installationOf(
    { client: bench.client, clock: { ...REAL_CLOCK, sleep: () => annotate('2').then(() => undefined) }, log },
    bench.signal,
  );
  expect((await waiting).incarnation).toBe(2);
  expect(log.lines.map(({ message }) => message).join()).toContain('"many"');
});
