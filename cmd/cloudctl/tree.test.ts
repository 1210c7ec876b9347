import type { ApiObject } from '../../apis/meta/object.ts';
import { treeLines, type Forest } from './tree.ts';

function object(
  kind: string,
  name: string,
  spec: unknown,
  status: object = {},
  ready: object = { status: 'True', reason: 'AsDeclared' },
): ApiObject {
  const metadata = { name, uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  const namespaced = kind === 'Volume' || kind === 'VirtualMachine';
  return {
    apiVersion: 'v1',
    kind,
    metadata: { ...metadata, ...(namespaced && { namespace: 'default' }) },
    spec,
    status: { ...status, conditions: [{ type: 'Ready', ...ready }] },
  };
}

const FOREST: Forest = {
  Zone: [object('Zone', 'z1', {})],
  Pod: [
    object('Pod', 'r1', { zone: 'z1' }),
    object('Pod', 'lost', { zone: 'nowhere' }, {}, { status: 'False', reason: 'ZoneNotFound', message: 'no zone nowhere' }),
  ],
  Host: [object('Host', 'h1', { pod: 'r1' })],
  StoragePool: [object('StoragePool', 'p1', { scope: { zone: 'z1' } })],
  Volume: [object('Volume', 'root', {}, { pool: 'p1', claim: {} }), object('Volume', 'spare', {}, { pool: 'p1' })],
  VirtualMachine: [
    object(
      'VirtualMachine',
      'web',
      { disks: [{ volume: 'root' }] },
      { host: 'h1' },
      { status: 'False', reason: 'Starting', message: 'on h1' },
    ),
  ],
};

test('everything stands where it belongs, and what belongs nowhere is still shown', () => {
  expect(treeLines(FOREST).map(({ stem, label }) => stem + label)).toEqual([
    'zone z1',
    '├─ rack r1',
    '│  └─ host h1',
    '│     └─ vm web',
    '│        └─ volume root',
    '└─ pool p1',
    '   └─ volume spare',
    'rack lost',
  ]);
});

test('what is not ready says why, and what is ready stays quiet', () => {
  const lines = treeLines(FOREST);
  expect(lines.find(({ label }) => label === 'vm web')).toMatchObject({ mark: 'moving', note: 'Starting: on h1' });
  expect(lines.find(({ label }) => label === 'host h1')).toMatchObject({ mark: 'ready', note: '' });
});
