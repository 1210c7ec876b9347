import { CATALOG } from '../../../apis/catalog.ts';
import { discoveryRoutes } from '../../../server/verbs/discovery.ts';
import { ADMIN, openBench, vm, VMS, zone, ZONES, type Bench } from '../../../test/api-bench.ts';
import { createApi } from '../api.ts';
import { readManifests } from '../manifest.ts';
import { discover, pathOf, resourcesNamed } from '../resources.ts';
import { targetsOf, type Context } from '../targets.ts';
import { UsageError } from '../usage-error.ts';
import { apply } from './apply.ts';
import { describe as tell } from './describe.ts';
import { remove } from './delete.ts';
import { diff } from './diff.ts';
import { gc } from './gc.ts';
import { get, type GetOptions } from './get.ts';
import { tree } from './tree.ts';
import { wait } from './wait.ts';

const OPTIONS: Omit<GetOptions, 'write'> = {
  allNamespaces: false,
  output: undefined,
  selector: undefined,
  fieldSelector: undefined,
  watch: false,
  ignoreNotFound: false,
  headers: true,
};

describe('cloudctl on an API in the same process', () => {
  let bench: Bench;
  let context: Context;
  let out: string[];
  let err: string[];

  beforeEach(async () => {
    bench = await openBench({ documents: [discoveryRoutes(CATALOG)] });
    const transport: Parameters<typeof createApi>[0] = (request, signal) => bench.api.handle({ ...request, caller: ADMIN }, signal);
    [out, err] = [[], []];
    const print = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) };
    const api = createApi(transport, print.err);
    context = { api, namespace: 'default', resources: await discover(api, bench.signal), ...print };
  });

  afterEach(async () => {
    await bench.close();
    expect(bench.troubles).toEqual([]);
  });

  function look(words: string, options: Partial<GetOptions> = {}): Promise<number> {
    return get(context, words.split(' '), { ...OPTIONS, write: (text) => out.push(text), ...options }, bench.signal);
  }

  test.each(['vm', 'vms', 'VirtualMachine', 'virtualmachines.compute.lenticular.dev', 'virtualmachines.v1alpha1.compute.lenticular.dev'])(
    '%s is a name of virtual machines',
    (word) => {
      expect(resourcesNamed(context.resources, word).map(({ plural }) => plural)).toEqual(['virtualmachines']);
    },
  );

  test.each([
    { words: ['vm', 'a', 'b'], are: ['virtualmachines/a', 'virtualmachines/b'] },
    { words: ['vm/a', 'zone/b'], are: ['virtualmachines/a', 'zones/b'] },
    { words: ['racks,hosts'], are: ['pods', 'hosts'] },
  ])('$words means $are', ({ words, are }) => {
    const targets = targetsOf(context, words);
    expect(targets.map(({ resource, name }) => (name === undefined ? resource.plural : `${resource.plural}/${name}`))).toEqual(are);
  });

  test('what an object says moves no cursor, wherever it is told', async () => {
    const hostile = '\u001b[2J\u009b31m\u202e';
    const annotations = { 'x.org/a': `a${hostile}\nName: forged` };
    const conditions = [
      { type: 'Ready', status: 'False', reason: 'Pending', message: hostile, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ];
    const made = await bench.create(ZONES, zone('z', { metadata: { name: 'z', annotations } }));
    const answer = await bench.ask('PUT', `${ZONES}/z/status`, { body: { ...made, status: { conditions } } });
    expect(answer.status).toBe(200);
    expect(await tell(context, ['zone/z'], { selector: undefined, now: 0 }, bench.signal)).toBe(0);
    await tree(context, { colour: false }, bench.signal);
    expect(out.join('\n')).toContain('[2J');
    expect(out.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  test.each([
    [[]],
    [['nonsense']],
    [['vm/']],
    [['/a']],
    [['vm/a/b']],
    [['vm/a', 'b']],
    [['vm', '..']],
    [['vm', '']],
    [['vm', 'a%2fb']],
    [['vm', 'a\nb']],
    [['all', 'a']],
  ])('%j is not understood', (words) => {
    expect(() => targetsOf(context, words)).toThrow(UsageError);
  });

  test('a path is not encoded, and no name leads out of it', () => {
    const [vms] = resourcesNamed(context.resources, 'vms');
    if (vms === undefined) throw new Error('no vms');
    expect(pathOf(vms, { namespace: 'default', name: 'system:x' })).toBe(`${VMS}/system:x`);
    expect(() => pathOf(vms, { namespace: '../..', name: 'x' })).toThrow(UsageError);
  });

  test('what is found is printed beside what is not', async () => {
    await bench.create(ZONES, zone('a'));
    expect(await look('zone a b', { output: 'name' })).toBe(1);
    expect(out).toEqual(['zone.infra.lenticular.dev/a\n']);
    expect(err).toEqual(['Error from server (NotFound): zones.infra.lenticular.dev "b" not found']);
    expect(await look('zone b', { ignoreNotFound: true })).toBe(0);
  });

  test('tables of several kinds name the kind; a watch prints under one header until it is ended', async () => {
    await bench.create(ZONES, zone('a'));
    await bench.create(VMS, vm('v'));
    expect(await look('zones,vms')).toBe(0);
    expect(out.map((line) => line.split(' ')[0])).toEqual([
      'NAME',
      'zone.infra.lenticular.dev/a',
      '',
      'NAME',
      'virtualmachine.compute.lenticular.dev/v',
    ]);
    out.length = 0;
    const stop = new AbortController();
    const seen: string[] = [];
    const see = (line: string): void => {
      seen.push(line);
      if (seen.length === 4) stop.abort();
    };
    const options = { ...OPTIONS, watch: true, write: () => undefined };
    const ended = expect(get({ ...context, out: see }, ['zones'], options, stop.signal)).rejects.toThrow();
    await bench.ask('PATCH', `${ZONES}/a`, { body: { metadata: { labels: { x: 'y' } } } });
    await bench.ask('PATCH', `${ZONES}/a`, { body: { metadata: { labels: { x: 'z' } } } });
    await bench.ask('PATCH', `${ZONES}/a`, { body: { metadata: { labels: { x: 'ä' } } } });
    await bench.create(ZONES, zone('b'));
    await bench.create(ZONES, zone('c'));
    await ended;
    expect(seen[0]).toMatch(/^NAME +READY/);
    expect(seen.slice(1).every((line) => /^[abc] +Unknown/.test(line))).toBe(true);
  });

  test('a manifest that cannot be sent keeps all from being sent, and every such fault is told', async () => {
    const text = `${JSON.stringify(zone('a'))}\n---\n{kind: Zone}\n---\n{apiVersion: v9, kind: Zone, metadata: {name: z}}\n`;
    await expect(apply(context, readManifests('f.yaml', text), { dryRun: false }, bench.signal)).rejects.toThrow(
      /^f\.yaml:3:1: apiVersion is missing or not a string\nerror: f\.yaml:5:18: no kind "Zone" in apiVersion "v9"/,
    );
    expect((await bench.ask('GET', ZONES)).body.items).toEqual([]);
  });

  test('a namespace that was named on the command line is the only one that objects may be in', async () => {
    const manifests = readManifests('f.yaml', JSON.stringify(vm('v', {}, { namespace: 'default' })));
    const elsewhere = { ...context, namespace: 'other', namespaceGiven: true };
    await expect(apply(elsewhere, manifests, { dryRun: false }, bench.signal)).rejects.toThrow('but --namespace says other');
    expect((await apply(context, manifests, { dryRun: false }, bench.signal)).failed).toBe(0);
  });

  test('faults of fields are told where they stand, a line each', async () => {
    const text = 'apiVersion: compute.lenticular.dev/v1alpha1\nkind: VirtualMachine\nmetadata: {name: v}\nspec:\n  cpus: 0\n  memory: ""\n';
    const { failed } = await apply(context, readManifests('f.yaml', text), { dryRun: false }, bench.signal);
    expect(failed).toBe(1);
    expect(err.map((line) => line.split(': ').slice(0, 3).join(': '))).toEqual([
      'error: f.yaml:5:3: spec.cpus',
      'error: f.yaml:6:3: spec.memory',
    ]);
  });

  const HOSTS = '/apis/infra.lenticular.dev/v1alpha1/hosts';
  const thing = (id: string, why: string): object => ({ kind: 'Machine', id, name: 'old', why });

  /** A host, and what its controller says of what is on it. */
  async function hostWith(unmanaged: readonly object[]): Promise<void> {
    const apiVersion = 'infra.lenticular.dev/v1alpha1';
    const spec = { pod: 'p', driver: { name: 'sim' } };
    await bench.ask('POST', HOSTS, { body: { apiVersion, kind: 'Host', metadata: { name: 'h' }, spec } });
    const conditions = [{ type: 'Ready', status: 'True', reason: 'AsDeclared', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const { body } = await bench.ask('GET', `${HOSTS}/h`);
    const status = { observedGeneration: body.metadata.generation, machines: unmanaged.length, unmanaged, conditions };
    expect((await bench.ask('PUT', `${HOSTS}/h/status`, { body: { ...body, status } })).status).toBe(200);
  }

  const collectOf = async (): Promise<unknown> => ((await bench.ask('GET', `${HOSTS}/h`)).body.spec as { collect: unknown }).collect;

  test('diff prints a line for each difference, and nothing where there is none', async () => {
    await hostWith([thing('m-9', 'orphan')]);
    expect(await diff(context, bench.signal)).toBe(1);
    expect(out[0]).toMatch(/^orphan +Machine m-9 +old, on Host h$/);
    out.length = 0;
    await hostWith([]);
    expect(await diff(context, bench.signal)).toBe(0);
    expect(out).toEqual([]);
  });

  test('gc lists orphans, and asks for the deletion of none', async () => {
    await hostWith([thing('m-9', 'orphan'), thing('m-8', 'foreign')]);
    expect(await gc(context, { confirm: [], timeoutMs: 5_000 }, bench.signal)).toBe(0);
    expect(out).toEqual(['Machine m-9 (old) on Host h: cloudctl gc --confirm m-9']);
    expect(await collectOf()).toEqual([]);
  });

  test('gc asks for no deletion of what is not an orphan, or not there', async () => {
    await hostWith([thing('m-8', 'foreign')]);
    expect(await gc(context, { confirm: ['m-8', 'm-7'], timeoutMs: 5_000 }, bench.signal)).toBe(2);
    expect(err).toEqual([
      'error: Machine m-8 (old) on Host h is foreign, and only orphans are deleted',
      'error: no host or pool lists m-7',
    ]);
    expect(await collectOf()).toEqual([]);
  });

  test('gc has a confirmed orphan deleted, waits until it is gone, and takes its word back', async () => {
    await hostWith([thing('m-9', 'orphan')]);
    const ended = gc(context, { confirm: ['m-9'], timeoutMs: 10_000 }, bench.signal);
    while (JSON.stringify(await collectOf()) !== '["m-9"]') await new Promise((resolve) => setTimeout(resolve, 10));
    await hostWith([]);
    expect(await ended).toBe(0);
    expect(out).toEqual(['Machine m-9 (old) on Host h deleted']);
    expect(await collectOf()).toEqual([]);
  });

  test('gc that waits in vain says so, and its word stays', async () => {
    await hostWith([thing('m-9', 'orphan')]);
    expect(await gc(context, { confirm: ['m-9'], timeoutMs: 50 }, bench.signal)).toBe(1);
    expect(err[0]).toContain('timed out waiting for Machine m-9 (old) on Host h to go');
    expect(await collectOf()).toEqual(['m-9']);
  });

  test('wait tells at once what cannot come, and what is gone when it waits for that', async () => {
    const selection = { words: ['zone/a'], manifests: [], all: false, selector: undefined };
    const soon = { timeoutMs: 5_000 };
    expect(await wait(context, selection, { for: 'condition=Ready', ...soon }, bench.signal)).toBe(1);
    expect(err).toEqual(['Error from server (NotFound): zones.infra.lenticular.dev "a" not found']);
    await bench.create(ZONES, zone('a'));
    expect(await wait(context, selection, { for: 'jsonpath={.metadata.name}=a', ...soon }, bench.signal)).toBe(0);
    const gone = wait(context, selection, { for: 'delete', ...soon }, bench.signal);
    const options = { wait: true, timeoutMs: 5_000, ignoreNotFound: false, dryRun: false };
    expect(await remove(context, selection, options, bench.signal)).toBe(0);
    expect(await gone).toBe(0);
    expect(out.sort()).toEqual([
      'zone.infra.lenticular.dev "a" deleted',
      'zone.infra.lenticular.dev/a condition met',
      'zone.infra.lenticular.dev/a condition met',
    ]);
  });
});
