import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startCloud, type Cloud, type Outcome } from './cloud.ts';
import { requires } from './prerequisites.ts';

const ZONE = 'apiVersion: infra.lenticular.dev/v1alpha1\nkind: Zone\nmetadata: {name: zone-1}\n';
const VOLUME = `apiVersion: storage.lenticular.dev/v1alpha1
kind: Volume
metadata: {name: data-1}
spec:
  storagePool: pool-1
  size: 1Gi
`;
const VM = `apiVersion: compute.lenticular.dev/v1alpha1
kind: VirtualMachine
metadata:
  name: vm-1
spec:
  cpus: 1
  memory: 128Mi
`;

interface BadInput {
  readonly why: string;
  readonly text: string;
  /** What cloudctl says: place in the file and field path. */
  readonly says: RegExp;
  /** What kubectl says. */
  readonly kubectl: RegExp;
}

const CASES: readonly BadInput[] = [
  {
    why: 'a wrong type',
    text: VM.replace('cpus: 1', 'cpus: many'),
    says: /^error: bad\.yaml:6:3: spec\.cpus: .*"many".*integer/m,
    kubectl: /spec\.cpus: Invalid value/,
  },
  {
    why: 'an unknown field',
    text: VM.replace('cpus: 1', 'cpuz: 1\n  cpus: 1'),
    says: /^error: bad\.yaml:6:3: spec\.cpuz: .*unknown field/m,
    kubectl: /unknown field "spec\.cpuz"/,
  },
  {
    why: 'a missing required field',
    text: VM.replace('  cpus: 1\n', ''),
    says: /^error: bad\.yaml:5:1: spec\.cpus: .*[Rr]equired/m,
    kubectl: /spec\.cpus: Required value/,
  },
  {
    why: 'a bad quantity',
    text: VM.replace('128Mi', '128 megs'),
    says: /^error: bad\.yaml:7:3: spec\.memory: .*quantity/m,
    kubectl: /spec\.memory: Invalid value.*quantity/,
  },
  {
    why: 'a name with a traversal',
    text: VM.replace('name: vm-1', 'name: ../../etc'),
    says: /^error: bad\.yaml:4:3: metadata\.name: /m,
    kubectl: /metadata\.name: Invalid value|may not contain/,
  },
  {
    why: 'a disk name twice',
    text: `${VM}  disks:\n  - {name: a, volume: v1}\n  - {name: a, volume: v2}\n`,
    says: /^error: bad\.yaml:10:5: spec\.disks\[1\]: Duplicate value: \{"name":"a"\}/m,
    kubectl: /spec\.disks\[1\]: Duplicate value/,
  },
  {
    why: 'a rule between two fields',
    text: `${VM}  interfaces:\n  - {name: lan, mode: User, bridge: br0}\n`,
    says: /^error: bad\.yaml:8:3: spec\.interfaces: .*bridge goes with mode Bridge/m,
    kubectl: /bridge goes with mode Bridge/,
  },
  {
    why: 'a kind that nobody knows',
    text: VM.replace('VirtualMachine', 'VirtualMaschine'),
    says: /^error: bad\.yaml:2:1: no kind "VirtualMaschine"/m,
    kubectl: /no matches for kind "VirtualMaschine"/,
  },
  {
    why: 'no name',
    text: VM.replace('  name: vm-1\n', '  labels: {}\n'),
    says: /^error: bad\.yaml:3:1: metadata\.name is missing/m,
    kubectl: /name/,
  },
  {
    why: 'broken YAML',
    text: `${VM}  disks: [\n`,
    says: /^error: bad\.yaml:\d+:\d+: this is not YAML: /m,
    kubectl: /error parsing|error converting YAML/,
  },
  { why: 'an empty file', text: '', says: /^error: bad\.yaml: holds no objects/m, kubectl: /no objects passed to apply/ },
];

requires('kubectl')('Bad input', () => {
  let cloud: Cloud;
  let file: string;

  beforeAll(async () => {
    cloud = await startCloud();
    file = join(cloud.dataDir, 'bad.yaml');
    expect(await cloud.kubectlWith(`${ZONE}---\n${VOLUME}`, 'apply', '-f', '-')).toMatchObject({ code: 0 });
  }, 90_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function counted(): Promise<string> {
    const columns = 'custom-columns=KIND:.kind,NAME:.metadata.name,GENERATION:.metadata.generation';
    const { stdout, code } = await cloud.kubectl('get', 'zones,racks,hosts,pools,volumes,vms', '-A', '-o', columns);
    expect(code).toBe(0);
    return stdout;
  }

  function short({ stderr }: Outcome): string {
    return stderr.replaceAll(file, 'bad.yaml');
  }

  test.each(CASES)('$why gets one clear error with its place, and changes nothing', async ({ text, says, kubectl }) => {
    await writeFile(file, text);
    const before = await counted();
    const ours = await cloud.cloudctl('apply', '-f', file);
    expect(short(ours)).toMatch(says);
    expect(short(ours).trim().split('\n')).toHaveLength(1);
    expect(ours.code).toBe(1);
    const theirs = await cloud.kubectl('apply', '-f', file);
    expect(theirs.stderr).toMatch(kubectl);
    expect(theirs.code).toBe(1);
    expect(await counted()).toBe(before);
  });

  test('a key that is there twice, which kubectl would let pass, is told where it stands', async () => {
    await writeFile(file, `${VM}  cpus: 2\n`);
    const before = await counted();
    expect(short(await cloud.cloudctl('apply', '-f', file))).toBe('error: bad.yaml:8:3: this is not YAML: duplicated mapping key\n');
    expect(await counted()).toBe(before);
  });

  test('several faults get a line each, items of lists and values of maps among them', async () => {
    await writeFile(
      file,
      `${ZONE}---\n${VM.replace('cpus: 1', 'cpus: 0')}  disks:\n  - {name: root, volume: data-1}\n  - {name: -rf, volume: /etc}\n`.replace(
        'name: vm-1',
        'name: vm-1\n  labels:\n    example.com/tier: 7',
      ),
    );
    const numbers = await cloud.cloudctl('apply', '-f', file);
    expect(short(numbers)).toMatch(/^error: bad\.yaml:10:5: metadata\.labels\.example\.com\/tier: .*must be of type string\n$/);
    expect(numbers).toMatchObject({ code: 1, stdout: 'zone.infra.lenticular.dev/zone-1 unchanged\n' });
    await writeFile(file, (await readFile(file, 'utf8')).replace('tier: 7', 'tier: gold'));
    expect(
      short(await cloud.cloudctl('apply', '-f', file))
        .trim()
        .split('\n')
        .map((line) => line.split(': ').slice(0, 3).join(': ')),
    ).toEqual([
      'error: bad.yaml:12:3: spec.cpus',
      'error: bad.yaml:16:6: spec.disks[1].name',
      'error: bad.yaml:16:17: spec.disks[1].volume',
    ]);
  });

  test('an immutable field stays as it is', async () => {
    await writeFile(file, VOLUME.replace('pool-1', 'pool-2'));
    const ours = await cloud.cloudctl('apply', '-f', file);
    expect(short(ours)).toMatch(/^error: bad\.yaml:5:3: spec\.storagePool: .*immutable/m);
    expect((await cloud.kubectl('apply', '-f', file)).stderr).toMatch(/storagePool is immutable/);
    expect((await cloud.kubectl('get', 'volume', 'data-1', '-o', 'jsonpath={.spec.storagePool}')).stdout).toBe('pool-1');
  });

  test('a volume does not shrink', async () => {
    const patched = await cloud.kubectl('patch', 'volume', 'data-1', '--type', 'merge', '-p', '{"spec":{"size":"512Mi"}}');
    expect(patched.stderr).toMatch(/size may grow, never shrink/);
    expect((await cloud.kubectl('get', 'volume', 'data-1', '-o', 'jsonpath={.spec.size}')).stdout).toBe('1Gi');
  });

  test('a reference to nothing is accepted, says what it waits for, and heals', async () => {
    const waiting = await cloud.kubectl(
      'wait',
      'volume/data-1',
      '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=StoragePoolNotFound',
      '--timeout=20s',
    );
    expect(waiting).toMatchObject({ code: 0 });
    const { stdout } = await cloud.kubectl('get', 'volume', 'data-1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].message}');
    expect(stdout).toContain('pool-1');
  });

  test('a body of 4 MiB is refused with a Status, and the server lives on', async () => {
    const huge = VM.replace('  name: vm-1\n', `  name: vm-1\n  annotations: {big: ${'x'.repeat(4 * 1024 * 1024)}}\n`);
    await writeFile(file, huge);
    const ours = await cloud.cloudctl('apply', '-f', file);
    expect(short(ours)).toMatch(/^error: bad\.yaml:\d+:\d+: .*(too large|larger)/m);
    const theirs = await cloud.kubectl('create', '-f', file);
    expect(theirs.stderr).toMatch(/too large|larger/i);
    expect((await cloud.kubectl('get', 'zones')).code).toBe(0);
  });

  test('an unknown list parameter is refused, not ignored', async () => {
    const { code, stderr } = await cloud.kubectl('get', '--raw', '/api/v1/namespaces/default/events?sharding=yes');
    expect(stderr).toMatch(/sharding/);
    expect(code).toBe(1);
  });
});
