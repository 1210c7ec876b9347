import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, run, startCloud, type Cloud, type Outcome } from './cloud.ts';
import { requires } from './prerequisites.ts';

const MAIN = fileURLToPath(new URL('../cmd/cloudctl/main.ts', import.meta.url));
const LAST_APPLIED = String.raw`{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}`;

const ZONE = 'apiVersion: infra.lenticular.dev/v1alpha1\nkind: Zone\nmetadata: {name: zone-1, labels: {site: a}}\n';
const RACK = 'apiVersion: infra.lenticular.dev/v1alpha1\nkind: Pod\nmetadata: {name: rack-1}\nspec: {zone: zone-1}\n';
const POOL = `apiVersion: storage.lenticular.dev/v1alpha1
kind: StoragePool
metadata: {name: pool-1, annotations: {note: "a <b> & c"}}
spec: {scope: {zone: zone-1}, driver: {name: sim}}
`;
const VOLUME =
  'apiVersion: storage.lenticular.dev/v1alpha1\nkind: Volume\nmetadata: {name: data-1}\nspec: {storagePool: pool-1, size: 1Gi}\n';
const ALL = 'zones,racks,pools,volumes';

requires('kubectl')('cloudctl', () => {
  let cloud: Cloud;
  let folder: string;

  beforeAll(async () => {
    cloud = await startCloud();
    folder = join(cloud.dataDir, 'files');
    await mkdir(join(folder, 'more'), { recursive: true });
    await writeFile(join(folder, 'a.yaml'), `${ZONE}---\n${RACK}---\n${POOL}`);
    await writeFile(join(folder, 'more', 'b.yml'), VOLUME);
    expect(await cloud.cloudctl('apply', '-f', folder, '-R', '--wait', '--timeout', '1s')).toMatchObject({ code: 1 });
    expect(await cloud.cloudctl('wait', 'volume/data-1', '--timeout=20s')).toMatchObject({ code: 0 });
  }, 90_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function versions(): Promise<string> {
    const { stdout } = await cloud.kubectl('get', ALL, '-A', '-o', 'custom-columns=N:.metadata.name,V:.metadata.resourceVersion');
    return stdout;
  }

  /** The answer without ages, which pass between two commands. */
  function ageless({ stdout, ...rest }: Outcome): Outcome {
    return { ...rest, stdout: stdout.replaceAll(/\d+[smhd]\S*$/gm, 'AGE') };
  }

  test.each([
    ['get', ALL, '-A'],
    ['get', ALL, '-o', 'wide'],
    ['get', ALL, '-o', 'yaml'],
    ['get', ALL, '-o=json'],
    ['get', ALL, '-o', 'name', '-A'],
    ['get', 'pool/pool-1', 'volume/data-1', '--no-headers'],
    ['get', 'volumes', '-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.spec.size}{"\\n"}{end}'],
    ['get', 'volume', 'data-1', '-o', `jsonpath=${LAST_APPLIED}`],
    ['get', 'zones', '-l', 'site=a'],
    ['get', 'volumes', '--field-selector=metadata.name=data-1'],
    ['get', 'volumes', '-n', 'empty'],
    ['get', 'zones', 'zone-1', 'zone-2'],
    ['get', 'zone/zone-1', 'rack/rack-9'],
    ['get', 'zone', 'zone-2', '--ignore-not-found=true'],
    ['get', 'zone', 'zone-1', '-A'],
    ['get', 'zone', 'zone-1', '-l', 'site=a'],
    ['describe', 'zone', 'zone-2'],
    ['delete', 'zone', 'zone-2'],
    ['delete', 'zone', 'zone-1', '--dry-run=server'],
    ['wait', 'zone/zone-2', '--for=condition=Ready', '--timeout=1s'],
    ['wait', 'volume/data-1', '--for=condition=attached=false', '--timeout=5s'],
    ['wait', 'volumes', '--all', '--for=jsonpath={.spec.size}=1Gi', '--timeout=5s'],
  ])(
    'says word for word what kubectl says: %s %s %s %s %s',
    async (...words) => {
      const [ours, theirs] = await Promise.all([cloud.cloudctl(...words), cloud.kubectl(...words)]);
      expect(ageless(ours)).toEqual(ageless(theirs));
    },
    30_000,
  );

  test.each([
    { words: ['get', 'nonsense'], says: 'error: the server doesn\'t have a resource type "nonsense"' },
    { words: ['get', 'zones', '-o', 'table'], says: 'error: cannot print as "table"' },
    { words: ['get', 'zones', '--context', 'elsewhere'], says: 'context "elsewhere"' },
    { words: ['get', 'zones', '--kubeconfig', 'nowhere'], says: 'error: there is no kubeconfig at nowhere' },
    { words: ['delete', 'zone'], says: 'error: say which: names, --selector or --all' },
    { words: ['apply', '-f', 'nowhere.yaml'], says: 'error: nowhere.yaml: cannot be read: no such file or folder' },
    { words: ['wait', 'zone/zone-1', '--for=luck'], says: 'error: cannot wait for "luck"' },
    { words: ['diff'], says: 'error: say what to compare: --all, the whole cloud' },
    { words: ['gc', '--confirm', 'x'], says: 'error: no host or pool lists x' },
    { words: ['frobnicate'], says: "error: unknown command 'frobnicate'" },
  ])(
    '$words is an error of one sentence, and exit code 1',
    async ({ words, says }) => {
      const { code, stdout, stderr } = await cloud.cloudctl(...words);
      expect(stderr).toContain(says);
      expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    },
    30_000,
  );

  test('cloudctl and kubectl apply in turns, and neither has anything to change after the other', async () => {
    const before = await versions();
    for (const tool of [cloud.kubectl, cloud.cloudctl, cloud.kubectl]) {
      const { stdout } = await tool('apply', '-f', folder, '-R');
      expect(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(' ').at(-1)),
      ).toEqual(Array(4).fill('unchanged'));
    }
    expect(await versions()).toBe(before);
  }, 30_000);

  test('a field that a manifest no longer has is taken away, whoever applied it; what others set stays', async () => {
    await cloud.kubectlWith(ZONE.replace('zone-1, labels: {site: a}', 'zone-7, labels: {a: one, b: two}'), 'apply', '-f', '-');
    await cloud.kubectl('label', 'zone', 'zone-7', 'c=z');
    const { stdout } = await cloud.cloudctlWith(ZONE.replace('zone-1, labels: {site: a}', 'zone-7, labels: {a: one}'), 'apply', '-f', '-');
    expect(stdout).toBe('zone.infra.lenticular.dev/zone-7 configured\n');
    const labels = await cloud.kubectl('get', 'zone', 'zone-7', '-o', 'jsonpath={.metadata.labels}');
    expect(JSON.parse(labels.stdout)).toEqual({ a: 'one', c: 'z' });
    expect(await cloud.cloudctl('delete', 'zone', 'zone-7', '--timeout=20s')).toMatchObject({ code: 0, stderr: '' });
  }, 30_000);

  test('one document that the server refuses does not keep the others from being applied', async () => {
    const text = [
      ZONE.replaceAll('zone-1', 'zone-2'),
      `${ZONE.replaceAll('zone-1', 'zone-3')}spec: {nope: 1}\n`,
      ZONE.replaceAll('zone-1', 'zone-4'),
    ];
    const dry = await cloud.cloudctlWith(text.join('---\n'), 'apply', '--dry-run=server', '-f', '-');
    expect(dry.stdout).toBe(
      'zone.infra.lenticular.dev/zone-2 created (server dry run)\nzone.infra.lenticular.dev/zone-4 created (server dry run)\n',
    );
    expect((await cloud.kubectl('get', 'zones', '-o', 'name')).stdout).toBe('zone.infra.lenticular.dev/zone-1\n');
    expect(await cloud.cloudctlWith(text.join('---\n'), 'apply', '-f', '-')).toEqual({
      code: 1,
      stdout: 'zone.infra.lenticular.dev/zone-2 created\nzone.infra.lenticular.dev/zone-4 created\n',
      stderr: 'error: standard input:8:8: spec.nope: unknown field\n',
    });
    expect(await cloud.cloudctl('delete', 'zones', 'zone-2', 'zone-4', '--timeout=20s')).toMatchObject({ code: 0 });
  }, 30_000);

  test('what get prints as YAML can be applied again, and changes nothing', async () => {
    const { stdout } = await cloud.cloudctl('get', 'zones,racks', '-o', 'yaml');
    const again = await cloud.cloudctlWith(stdout, 'apply', '-f', '-', '--dry-run=server');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout.split('\n').slice(0, 2)).toEqual([
      expect.stringMatching(/^zone\.infra\.lenticular\.dev\/zone-1 /),
      expect.stringMatching(/^pod\.infra\.lenticular\.dev\/rack-1 /),
    ]);
  }, 30_000);

  test('delete waits, and says what holds the object up', async () => {
    const text = ZONE.replaceAll('zone-1', 'held').replace('name: held', 'name: held, finalizers: [example.com/hold]');
    await cloud.kubectlWith(text, 'apply', '-f', '-');
    const held = await cloud.cloudctl('delete', 'zone', 'held', '--timeout=3s');
    expect(held).toMatchObject({ code: 1, stdout: 'zone.infra.lenticular.dev "held" deleted\n' });
    expect(held.stderr).toMatch(/^waiting for zone\.infra\.lenticular\.dev\/held to go \(.*held by .*example\.com\/hold/m);
    expect(held.stderr).toMatch(/^error: timed out waiting for zone\.infra\.lenticular\.dev\/held to go \(.*example\.com\/hold/m);
    await cloud.kubectl('patch', 'zone', 'held', '--type=json', '-p', '[{"op":"remove","path":"/metadata/finalizers"}]');
    expect(await cloud.cloudctl('wait', 'zone/held', '--for=delete', '--timeout=20s')).toMatchObject({ code: 0 });
  }, 30_000);

  test('get -w prints what there is and each change in the same columns, outlives a restart, and ends at Ctrl-C with 130', async () => {
    const { port } = new URL((await cloud.kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}')).stdout);
    const env = { ...process.env, KUBECONFIG: cloud.kubeconfig, NO_COLOR: '1' };
    const child = spawn(process.execPath, [MAIN, 'get', 'volumes', '-w'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await eventually('the first rows', 10_000, () => stdout.includes('data-1') || undefined);
    await cloud.kubectl('label', 'volume', 'data-1', 'n=1');
    await eventually('a second row', 10_000, () => stdout.split('\n').length >= 4 || undefined);
    await cloud.interrupt();
    await eventually('it says that it tries again', 10_000, () => stderr.includes('trying again: ') || undefined);
    const away = await cloud.cloudctl('get', 'zones');
    expect(away).toMatchObject({ code: 1, stdout: '' });
    expect(away.stderr).toMatch(
      /^error: the server https:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\): is cloudd running there\?\n$/,
    );
    const version = await cloud.cloudctl('version');
    expect(version).toMatchObject({ code: 1, stderr: away.stderr });
    expect(version.stdout).toMatch(/^Client: \d+\.\d+\.\d+\n$/);
    await cloud.start('--sample', 'none', '--port', port);
    await cloud.kubectl('patch', 'volume', 'data-1', '--type=merge', '-p', '{"spec":{"size":"2Gi"}}');
    await eventually('the change after the restart', 15_000, () => stdout.includes('2Gi') || undefined);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(stdout.split('\n')[0]).toMatch(/^NAME +READY +REASON +SIZE +POOL +VM +AGE$/);
    expect(
      stdout
        .trim()
        .split('\n')
        .slice(1)
        .every((row) => /^data-1 +(True|False|Unknown) +\w+ +\dGi +pool-1 +\w+$/.test(row)),
    ).toBe(true);
  }, 60_000);

  test('lists of more than a page are whole, and a reader who leaves early is no error', async () => {
    const names = Array.from({ length: 620 }, (_, index) => `n-${String(index)}`);
    const text = names.map((name) => `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"${name}","labels":{"many":"true"}}}`);
    await cloud.kubectlWith(text.join('\n---\n'), 'create', '-f', '-');
    const { stdout } = await cloud.cloudctl('get', 'ns', '-l', 'many=true', '-o', 'name');
    expect(stdout.trim().split('\n').sort()).toEqual(names.map((name) => `namespace/${name}`).sort());
    const piped = await run('bash', ['-o', 'pipefail', '-c', `"${process.execPath}" "${MAIN}" get ns -o json | head -n 1`], {
      env: { KUBECONFIG: cloud.kubeconfig },
    });
    expect(piped).toEqual({ code: 0, stdout: '{\n', stderr: '' });
  }, 60_000);

  test('the first kubeconfig that is there is taken, an option before $KUBECONFIG', async () => {
    const dead = join(folder, 'dead');
    const { stdout } = await cloud.kubectl('config', 'view', '--raw');
    await writeFile(dead, stdout.replace(/https:\/\/127\.0\.0\.1:\d+/, 'https://127.0.0.1:1'));
    const ask = (KUBECONFIG: string, ...words: string[]): Promise<Outcome> =>
      run(process.execPath, [MAIN, 'get', 'zones', ...words], { env: { KUBECONFIG, HOME: folder } });
    expect(await ask(`${join(folder, 'none')}:${cloud.kubeconfig}:${dead}`)).toMatchObject({ code: 0 });
    expect(await ask(dead)).toMatchObject({ code: 1 });
    expect(await ask(dead, '--kubeconfig', cloud.kubeconfig)).toMatchObject({ code: 0 });
    expect((await ask('')).stderr).toContain('start cloudd (npm start), or give --kubeconfig');
  }, 30_000);

  test('tree and describe are plain text where nobody looks at a terminal', async () => {
    const tree = await cloud.cloudctl('tree');
    expect(tree.stdout).toMatch(/^. zone zone-1/m);
    expect(tree.stdout).toMatch(/^. └─ pool pool-1\n.    └─ volume data-1$/m);
    const described = await cloud.cloudctl('describe', 'volume', 'data-1');
    expect(described.stdout).toMatch(/^Conditions:\n {2}TYPE +STATUS +SINCE +REASON +MESSAGE\n {2}Ready +True /m);
    expect(described.stdout).toMatch(/^Events:\n {2}TYPE +REASON +AGE +FROM +MESSAGE\n/m);
    expect(`${tree.stdout}${described.stdout}`).not.toContain('\u001b');
  }, 30_000);
});
