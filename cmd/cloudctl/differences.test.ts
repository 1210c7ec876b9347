import type { ApiObject } from '../../apis/meta/object.ts';
import { differencesIn, type Difference } from './differences.ts';
import type { Forest } from './tree.ts';

const NOW = '2026-01-01T00:00:00Z';

interface Have {
  readonly spec?: object;
  readonly status?: object;
  readonly ready?: readonly [status: string, reason: string];
  readonly metadata?: object;
}

function object(
  kind: string,
  name: string,
  { spec = {}, status = {}, ready = ['True', 'AsDeclared'], metadata = {} }: Have = {},
): ApiObject {
  const [is, reason] = ready;
  return {
    apiVersion: 'x/v1',
    kind,
    metadata: { name, uid: name, resourceVersion: '1', generation: 1, creationTimestamp: NOW, ...metadata },
    spec,
    status: {
      observedGeneration: 1,
      ...status,
      conditions: [{ type: 'Ready', status: is, reason, message: 'why', lastTransitionTime: NOW }],
    },
  };
}

const EMPTY: Forest = { Zone: [], Pod: [], Host: [], StoragePool: [], Volume: [], VirtualMachine: [] };
const host = (have: Have = {}): ApiObject => object('Host', 'host-1', { ...have, status: { machines: 1, ...have.status } });
const vm = (have: Have = {}): ApiObject => {
  const status = { host: 'host-1', machineId: 'm-1', powerState: 'Running', ...have.status };
  return object('VirtualMachine', 'vm-1', { ...have, status, metadata: { namespace: 'default', ...have.metadata } });
};
const volume = (have: Have = {}): ApiObject => {
  const status = { volumeId: 'v-1', size: '10Gi', ...have.status };
  return object('Volume', 'data-1', { spec: { size: '10Gi' }, ...have, status, metadata: { namespace: 'default', ...have.metadata } });
};
const thing = (why: string): object => ({ kind: 'Machine', id: 'x', name: 'old', why });
const gone = { machineId: undefined, powerState: undefined };

interface Row {
  readonly why: string;
  readonly forest: Partial<Forest>;
  readonly is: readonly `${Difference['what']}: ${string}`[];
}

const ROWS: readonly Row[] = [
  { why: 'what is as declared is no difference', forest: { Host: [host()], VirtualMachine: [vm()], Volume: [volume()] }, is: [] },
  {
    why: 'a VM that shall not run and does not is as declared',
    forest: { Host: [host()], VirtualMachine: [vm({ spec: { running: false }, status: { powerState: 'Stopped' } })] },
    is: [],
  },
  {
    why: 'a VM that shall not run and has no machine is as declared',
    forest: { Host: [host({ status: { machines: 0 } })], VirtualMachine: [vm({ spec: { running: false }, status: gone })] },
    is: [],
  },
  {
    why: 'a guest that shut itself down and may stay off is as declared',
    forest: { Host: [host()], VirtualMachine: [vm({ ready: ['True', 'GuestShutdown'], status: { powerState: 'Stopped' } })] },
    is: [],
  },
  {
    why: 'a disk that was rounded up to blocks is as declared',
    forest: { Volume: [volume({ status: { size: String(10 * 2 ** 30 + 512) } })] },
    is: [],
  },
  {
    why: 'things that nobody manages are named, wherever they are',
    forest: {
      Host: [host({ status: { machines: 1, unmanaged: [thing('orphan'), thing('foreign')] } })],
      StoragePool: [object('StoragePool', 'pool-1', { status: { unmanaged: [{ ...thing('released'), kind: 'Disk' }] } })],
    },
    is: ['orphan: Machine x', 'foreign: Machine x', 'released: Disk x'],
  },
  {
    why: 'a machine that should be there and is not',
    forest: { Host: [host({ status: { machines: 0 } })], VirtualMachine: [vm({ ready: ['False', 'Preparing'], status: gone })] },
    is: ['missing: VirtualMachine default/vm-1'],
  },
  {
    why: 'a machine that should run and does not',
    forest: { Host: [host()], VirtualMachine: [vm({ ready: ['False', 'DriverFailed'], status: { powerState: 'Paused' } })] },
    is: ['wrong power: VirtualMachine default/vm-1'],
  },
  {
    why: 'a machine that runs and should not',
    forest: { Host: [host()], VirtualMachine: [vm({ spec: { running: false }, ready: ['False', 'Stopping'] })] },
    is: ['wrong power: VirtualMachine default/vm-1'],
  },
  {
    why: 'a machine that somebody changed',
    forest: { Host: [host()], VirtualMachine: [vm({ ready: ['False', 'Drifted'] })] },
    is: ['drifted: VirtualMachine default/vm-1'],
  },
  {
    why: 'a second copy of a machine',
    forest: { Host: [host({ status: { machines: 2 } })], VirtualMachine: [vm()] },
    is: ['wrong place: Host host-1'],
  },
  {
    why: 'a host that does not answer, and what is on it, is not taken for converged',
    forest: { Host: [host({ ready: ['Unknown', 'DriverUnreachable'] })], VirtualMachine: [vm({ ready: ['Unknown', 'HostUnreachable'] })] },
    is: ['unknown: Host host-1', 'unknown: VirtualMachine default/vm-1'],
  },
  {
    why: 'a change that no controller has seen is not taken for converged',
    forest: { Host: [host()], VirtualMachine: [vm({ metadata: { generation: 2 } })] },
    is: ['not seen: VirtualMachine default/vm-1'],
  },
  {
    why: 'what is being deleted is not gone yet',
    forest: { Volume: [volume({ metadata: { deletionTimestamp: NOW } })] },
    is: ['leaving: Volume default/data-1'],
  },
  { why: 'a disk that is gone', forest: { Volume: [volume({ ready: ['False', 'Missing'] })] }, is: ['missing: Volume default/data-1'] },
  {
    why: 'a disk of another size',
    forest: { Volume: [volume({ ready: ['False', 'CannotShrink'], status: { size: '20Gi' } })] },
    is: ['wrong size: Volume default/data-1'],
  },
  {
    why: 'whatever else is not ready',
    forest: { Host: [host()], VirtualMachine: [vm({ ready: ['False', 'VolumeClaimed'] })] },
    is: ['not ready: VirtualMachine default/vm-1'],
  },
];

describe('differencesIn', () => {
  test.each(ROWS)('$why', ({ forest, is }) => {
    expect(differencesIn({ ...EMPTY, ...forest }).map(({ what, object: of }) => `${what}: ${of}`)).toEqual(is);
  });
});
