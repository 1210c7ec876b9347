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
  'A',
  '$(id)',
  'x;y',
  'a,file=/etc/passwd',
  '',
] as const;

function vm(spec: object, name: unknown = 'vm-1'): unknown {
  return {
    apiVersion: 'compute.lenticular.dev/v1alpha1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: { cpus: 1, memory: '64Mi', ...spec },
  };
}

function volume(spec: object): unknown {
  return {
    apiVersion: 'storage.lenticular.dev/v1alpha1',
    kind: 'Volume',
    metadata: { name: 'v-1' },
    spec: { storagePool: 'p', size: '1Gi', ...spec },
  };
}

const PLACES: readonly (readonly [field: string, make: (name: string) => unknown])[] = [
  ['spec.boot.kernel', (name) => vm({ boot: { kernel: name } })],
  ['spec.boot.initrd', (name) => vm({ boot: { kernel: 'k', initrd: name } })],
  ['spec.source.image', (name) => volume({ source: { image: name } })],
  ['spec.interfaces[0].bridge', (name) => vm({ interfaces: [{ name: 'lan', mode: 'Bridge', bridge: name }] })],
  ['spec.disks[0].name', (name) => vm({ disks: [{ name, volume: 'v-1' }] })],
  ['spec.disks[0].volume', (name) => vm({ disks: [{ name: 'root', volume: name }] })],
  ['metadata.name', (name) => vm({}, name)],
];

requires('kubectl')('Hostile names', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud();
  }, 90_000);

  afterAll(async () => {
    await cloud.remove();
  });

  test.each(PLACES)(
    'in %s are refused at admission by the field, and leave nothing',
    async (field, make) => {
      const before = await readdir(cloud.dataDir, { recursive: true });
      const manifests = HOSTILE.map((name) => JSON.stringify(make(name)));
      const outcomes = await Promise.all(manifests.map((text) => cloud.kubectlWith(text, 'create', '--validate=strict', '-f', '-')));
      for (const [index, { code, stderr }] of outcomes.entries()) {
        expect([HOSTILE[index], code]).toEqual([HOSTILE[index], 1]);
        expect(stderr).toContain(field.replace('[0]', '').split('.').at(-1) ?? field);
      }
      expect((await cloud.kubectl('get', 'vms,volumes', '-A', '-o', 'name')).stdout).toBe('');
      const after = await readdir(cloud.dataDir, { recursive: true });
      expect(after.filter((file) => !before.includes(file))).toEqual([]);
    },
    120_000,
  );
});
