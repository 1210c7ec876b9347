import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, run, type Outcome } from './cloud.ts';
import { pathOf, requires } from './prerequisites.ts';
import { cloudProcess } from './programs/cloudd.ts';

const ZONES = ['z-1', 'z-2', 'z-3'].map((name) => `apiVersion: infra.lenticular.dev/v1alpha1\nkind: Zone\nmetadata: {name: ${name}}\n`);

requires('kubectl')('controllers in processes of their own', () => {
  let folder: string;
  const api = cloudProcess('apiserver', /^Serving (https:.*)$/m);
  const controllers = ['one', 'other'].map((name) => cloudProcess(name, /"msg":"(controlling)"/));

  const kubectl = (stdin: string, ...words: readonly string[]): Promise<Outcome> =>
    run(pathOf('kubectl'), words, { stdin, env: { KUBECONFIG: join(folder, 'kubeconfig'), HOME: folder, NO_COLOR: '1' } });
  const queues = async (): Promise<{ readonly names: readonly string[]; readonly leaders: readonly string[]; readonly stderr: string }> => {
    const path = '{range .items[*]}{.metadata.name} {.status.leader}{"\\n"}{end}';
    const { stdout, stderr } = await kubectl('', 'get', 'queues', '-o', `jsonpath=${path}`);
    const lines = stdout.trim().split('\n').filter(Boolean);
    return { names: lines.map((line) => line.split(' ')[0] ?? ''), leaders: lines.map((line) => line.split(' ')[1] ?? ''), stderr };
  };
  const ofKind = (names: readonly string[], kind: string): readonly string[] => names.filter((name) => name.endsWith(`.${kind}`));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lenticular-'));
    await api.start('apiserver', '--data-dir', folder, '--port', '0');
    await Promise.all(controllers.map((one) => one.start('controllers', '--data-dir', folder)));
    expect(await kubectl(ZONES.join('---\n'), 'apply', '-f', '-')).toMatchObject({ code: 0 });
  }, 90_000);

  afterAll(async () => {
    for (const one of [...controllers, api]) await one.kill();
    await rm(folder, { recursive: true, force: true });
  });

  test('show their queues in the API, whoever leads what', async () => {
    const seen = await eventually('all shards are led, by both', 60_000, async () => {
      const { names, leaders } = await queues();
      return ofKind(names, 'host').length === 4 && new Set(leaders).size === 2 ? names : undefined;
    });
    expect(ofKind(seen, 'zone')).toEqual(['global.zone', 'z-1.zone', 'z-2.zone', 'z-3.zone']);
    expect((await queues()).stderr).toBe('');
  }, 90_000);

  test('answer nobody who does not know their token, and tell nobody what it is', async () => {
    const leases = await kubectl('', 'get', 'leases', '-n', 'lenticular-system', '-o', 'json');
    const { items } = JSON.parse(leases.stdout) as {
      readonly items: readonly { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }[];
    };
    const places = items.flatMap(({ metadata: { annotations = {} } }) => {
      const { 'ops.lenticular.dev/endpoint': address, 'ops.lenticular.dev/endpoint-ca': ca } = annotations;
      return address === undefined || ca === undefined ? [] : [{ address, ca }];
    });
    expect(places).toHaveLength(2);
    const [{ address, ca } = { address: '', ca: '' }] = places;
    const token = (await readFile(join(folder, 'pki', 'endpoint.token'), 'utf8')).trim();
    expect(((await stat(join(folder, 'pki', 'endpoint.token'))).mode & 0o777).toString(8)).toBe('600');
    const asked = (path: string, bearer?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
        get(`${address}${path}`, { ca, headers, agent: false }, (response) => {
          text(response).then((body) => resolve(`${body} ${String(response.statusCode)}`), reject);
        }).on('error', reject);
      });
    expect(await asked('/queues')).toMatch(/401$/);
    expect(await asked('/queues', 'x'.repeat(43))).toMatch(/401$/);
    expect(await asked('/metrics', token)).toMatch(/lenticular_queue_depth.* 200$/s);
    expect(leases.stdout).not.toContain(token);
    for (const { output } of controllers) expect(output()).not.toContain(token);
  });

  test('are missed by name while nobody knows that one is dead, and what it led is led again', async () => {
    await controllers[0]?.kill();
    const { stderr } = await queues();
    expect(stderr).toMatch(/Warning: the controllers \S+ at 127\.0\.0\.1:\d+ cannot be asked what they lead/);
    const one = await kubectl('', 'get', 'queue', 'nowhere.host');
    expect(one).toMatchObject({ code: 1 });
    expect(one.stderr).toContain('cannot be asked');
    await eventually('the other leads everything', 60_000, async () => {
      const { names, leaders } = await queues();
      return (ofKind(names, 'host').length === 4 && new Set(leaders).size === 1) || undefined;
    });
  }, 90_000);
});
