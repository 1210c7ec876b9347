import { VirtualMachineFields } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { stampConditions } from '../../runtime/plan.ts';
import { planVirtualMachine, stageOf } from '../plan.ts';
import type { Stage } from '../plan.ts';
import type { HostCandidate, PlacedMachine } from '../schedule-facts.ts';
import { roomOf } from '../schedule-room.ts';
import type { DiskFact, VmFacts, VmPlan, VmReason, VmStep } from './facts.ts';
import { macOf } from './mac.ts';

export const GIB = 2 ** 30;
export const NOW = '2026-01-01T00:00:00Z';

export interface Have {
  readonly spec?: object;
  readonly status?: Partial<VirtualMachine['status']>;
  readonly deleting?: boolean;
}

/** A VM with two CPUs, a disk and an interface, changed by what a test says. */
export function vm({ spec = {}, status = {}, deleting = false }: Have = {}): VirtualMachine {
  const disks = [{ name: 'data', volume: 'data-1' }];
  const fields = VirtualMachineFields.parse({ spec: { cpus: 2, memory: '4Gi', disks, interfaces: [{ name: 'eth0' }], ...spec } });
  return {
    apiVersion: 'compute.lenticular.dev/v1alpha1',
    kind: 'VirtualMachine',
    metadata: {
      ...{ name: 'vm-1', namespace: 'default', uid: 'm-1', resourceVersion: '9', generation: 3, creationTimestamp: NOW },
      ...(deleting && { deletionTimestamp: NOW }),
    },
    spec: fields.spec,
    status: { ...fields.status, ...status },
  };
}

export const candidate: HostCandidate = {
  ...{ name: 'host-1', pod: 'rack-1', zone: 'zone-1', labels: {}, ready: true, maintenance: false, deleting: false, allocation: 'Enabled' },
  ...{ capabilities: ['disk-protocol.sim', 'machine.boot-disk', 'machine.interface.user'], realCpus: 16 },
  allocatable: { cpus: 16, memoryBytes: 64 * GIB },
};
export const host = { candidate, hostId: 'h-1' };
export const pool = { name: 'pool-1', scope: { zone: 'zone-1' }, protocols: ['sim'] };
export const disk: DiskFact = { name: 'data', volume: 'data-1', readOnly: false, uid: 'v-1', pool };
export const waits = { ...disk, blocked: { reason: 'WaitingForClaims', message: 'Volume data-1 is not granted to it yet' } } as const;
export const nowhere: DiskFact = {
  name: 'data',
  volume: 'data-1',
  readOnly: false,
  blocked: { reason: 'VolumeNotFound', message: 'there is no Volume data-1' },
};
export const neighbour: PlacedMachine = {
  ...{ uid: 'm-2', namespace: 'default', labels: {}, host: 'host-1', pod: 'rack-1', zone: 'zone-1', cpus: 15, memoryBytes: GIB },
  keepsOff: [],
};

/** A room of these hosts, with these VMs in it. */
export const among = (hosts: readonly HostCandidate[], machines: readonly PlacedMachine[] = []): Pick<VmFacts, 'room'> => {
  return { room: roomOf(hosts, machines) };
};
/** The host that a VM has, with these VMs beside it. */
export const beside = (machines: readonly PlacedMachine[], at: HostCandidate = candidate): Pick<VmFacts, 'beside'> => {
  return { beside: roomOf([at], machines) };
};
/** Where nobody looks for a room. */
export const roomless = { room: undefined as never };

/** The machine of that VM, running as declared. */
export function machine(more: Partial<Machine> = {}): Machine {
  return {
    ...{ id: 'm-1', name: 'vm-1', released: false, power: 'running', cpus: 2, memoryBytes: 4 * GIB, pendingChanges: [], drift: [] },
    disks: [{ name: 'data', uid: 'v-1', sizeBytes: 10 * GIB, readOnly: false }],
    interfaces: [{ name: 'eth0', mac: macOf('m-1', 'eth0'), addresses: ['198.18.0.2', '198.18.0.1'] }],
    ...{ generation: 3, placementEpoch: 1 },
    ...more,
  };
}

export const known = (value?: Machine): Pick<VmFacts, 'machine'> => ({ machine: { known: true, value } });
export const silent: Pick<VmFacts, 'machine'> = {
  machine: { known: false, because: 'connection refused', code: 'UNAVAILABLE', reason: 'BACKEND' },
};
export const stopped = (stopCause: NonNullable<Machine['stopCause']>, more: Partial<Machine> = {}): Pick<VmFacts, 'machine'> =>
  known(machine({ power: 'stopped', stopCause, ...more }));

/** What is known of that VM when its host, its zone and its disk are there. */
export function facts(more: Partial<VmFacts> = {}): VmFacts {
  const capabilities = ['machine.attach-disk', 'machine.grow-disk'];
  return { zone: 'exists', zones: [], room: roomOf([candidate], []), ...beside([]), capabilities, disks: [disk], host, ...more };
}

export const condition = (type: 'Ready' | 'Scheduled', status: 'True' | 'False' | 'Unknown', reason: VmReason) => {
  return { type, status, reason, message: '', lastTransitionTime: NOW } as const;
};
export const claims = { zone: 'zone-1', host: 'host-1', placementEpoch: 1, conditions: [condition('Scheduled', 'Unknown', 'Scheduled')] };
export const placed = { ...claims, conditions: [condition('Scheduled', 'True', 'Scheduled')] };
export const started = { ...placed, machineId: 'm-1', restartToken: '' };
export const OFF = { running: false };
export const ONCE = { restartPolicy: 'OnFailure' };

export interface Row extends Have {
  readonly why: string;
  readonly facts?: Partial<VmFacts>;
  readonly stage: Stage;
  readonly reason: VmReason;
  readonly ready?: 'True' | 'False' | 'Unknown';
  readonly steps?: readonly VmStep['do'][];
  readonly finalizer?: VmPlan['finalizer'];
  readonly phase?: string;
  readonly stalled?: true;
}

/** A planned status as the API keeps it. */
export function stamped(status: VmPlan['status']): VirtualMachine['status'] {
  return { ...status, conditions: [...stampConditions(status.conditions, [], NOW)] };
}

/** Expects what a row says of the plan, and that the API takes the status. */
export function checkRow({
  facts: more = {},
  stage,
  reason,
  ready = 'False',
  steps = [],
  finalizer = ['Homeless', 'Unplaced', 'Unverified'].includes(stage) ? 'none' : 'hold',
  phase,
  stalled,
  ...have
}: Row): void {
  const [object, seen] = [vm(have), facts(more)];
  const plan = planVirtualMachine(object, seen);
  const said = plan.status.conditions.find(({ type }) => type === 'Ready');
  expect({ stage: stageOf(object, seen), reason: said?.reason, ready: said?.status }).toEqual({ stage, reason, ready });
  expect({ steps: plan.steps.map((step) => step.do), finalizer: plan.finalizer }).toEqual({ steps, finalizer });
  if (phase !== undefined) expect(plan.status.phase).toBe(phase);
  expect(plan.status.conditions.some(({ type }) => type === 'Stalled')).toBe(stalled === true);
  expect(VirtualMachineFields.shape.status.parse(stamped(plan.status))).toBeDefined();
}
