import { readdir } from 'node:fs/promises';
import { startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';

const HOSTILE = [
  '../../etc/passwd',
  '/etc/passwd',
  'a\u0000b',
  'a\nb',
  '-rf',
  '..',
  '.',
  'a/b',
  '%2e%2e%2f',
  'a b',
  'a\\b',
  '$(id)',
  'x;y',
  'a,file=/etc/passwd',
  'ａ',
  'a'.repeat(300),
  '',
] as const;

/** The object whose number is in its name, so that an answer tells which it is about. */
interface Hostile {
  readonly field: string;
  readonly make: (value: string, name: string) => object;
}

function vm(name: string, spec: object): object {
  return {
    apiVersion: 'compute.lenticular.dev/v1alpha1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: { cpus: 1, memory: '64Mi', ...spec },
  };
}

function volume(name: string, spec: object): object {
  return {
    apiVersion: 'storage.lenticular.dev/v1alpha1',
    kind: 'Volume',
    metadata: { name },
    spec: { storagePool: 'p', size: '1Gi', ...spec },
  };
}

function infra(kind: string, name: string, spec: object): object {
  return { apiVersion: 'infra.lenticular.dev/v1alpha1', kind, metadata: { name }, spec };
}

const PLACES: readonly Hostile[] = [
  { field: 'spec.boot.kernel', make: (value, name) => vm(name, { boot: { kernel: value } }) },
  { field: 'spec.boot.initrd', make: (value, name) => vm(name, { boot: { kernel: 'k', initrd: value } }) },
  { field: 'spec.source.image', make: (value, name) => volume(name, { source: { image: value } }) },
  { field: 'spec.storagePool', make: (value, name) => volume(name, { storagePool: value }) },
  {
    field: 'spec.interfaces[0].bridge',

    make: (value, name) => vm(name, { interfaces: [{ name: 'lan', mode: 'Bridge', bridge: value }] }),
  },
  {
    field: 'spec.interfaces[0].name',

    make: (value, name) => vm(name, { interfaces: [{ name: value, mode: 'User' }] }),
  },
  { field: 'spec.disks[0].name', make: (value, name) => vm(name, { disks: [{ name: value, volume: 'v-1' }] }) },
  { field: 'spec.disks[0].volume', make: (value, name) => vm(name, { disks: [{ name: 'root', volume: value }] }) },
  { field: 'spec.driver.name', make: (value, name) => infra('Host', name, { pod: 'p', driver: { name: value } }) },
  { field: 'spec.pod', make: (value, name) => infra('Host', name, { pod: value, driver: { name: 'sim' } }) },
];

requires('kubectl')('Hostile names', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud();
  }, 90_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function nothingIsLeft(before: readonly string[]): Promise<void> {
    expect(await cloud.kubectl('get', 'zones,racks,hosts,pools,volumes,vms', '-A', '-o', 'name')).toMatchObject({ code: 0, stdout: '' });
    const after = await readdir(cloud.dataDir, { recursive: true });
    expect(after.filter((file) => !before.includes(file) && !file.includes('.kube'))).toEqual([]);
  }

  test.each(PLACES)('in $field are refused at admission by the field, and leave nothing', async ({ field, make }) => {
    const before = await readdir(cloud.dataDir, { recursive: true });
    const manifests = HOSTILE.map((value, index) => JSON.stringify(make(value, `n-${String(index)}`)));
    const { code, stdout, stderr } = await cloud.kubectlWith(manifests.join('\n---\n'), 'create', '--validate=strict', '-f', '-');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const unrefused = HOSTILE.filter((_, index) => {
      const refusal = `"n-${String(index)}" is invalid: ${field}: `;
      return !stderr.includes(refusal);
    });
    expect(unrefused).toEqual([]);
    await nothingIsLeft(before);
  });

  test('as object names are refused by every kind, and leave nothing', async () => {
    const before = await readdir(cloud.dataDir, { recursive: true });
    const kinds = [
      (name: string) => vm(name, {}),
      (name: string) => volume(name, {}),
      (name: string) => infra('Zone', name, {}),
      (name: string) => infra('Pod', name, { zone: 'z' }),
      (name: string) => infra('Host', name, { pod: 'p', driver: { name: 'sim' } }),
    ];
    // kubectl itself refuses an object without a name, and all others with it.
    const names = HOSTILE.filter((name) => name !== '');
    const manifests = kinds.flatMap((make) => names.map((name) => JSON.stringify(make(name))));
    const { code, stdout, stderr } = await cloud.kubectlWith(manifests.join('\n---\n'), 'create', '--validate=strict', '-f', '-');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.match(/ is invalid: metadata\.name: Invalid value: /g)).toHaveLength(manifests.length);
    await nothingIsLeft(before);
  });

  test.each(['..%2f..%2fetc', '%2e%2e', 'a%00b', 'a%0ab', '-rf%2fx'])('in a path of the API (%s) lead to no object', async (name) => {
    const { code, stderr } = await cloud.kubectl('get', '--raw', `/apis/infra.lenticular.dev/v1alpha1/zones/${name}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/BadRequest|NotFound|could not find/);
  });
});
