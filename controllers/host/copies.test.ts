import { VirtualMachineFields } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { hasLeft } from './copies.ts';
import { machine, NOW } from './test-facts.ts';

function vmAt(status: Partial<VirtualMachine['status']>): VirtualMachine {
  const fields = VirtualMachineFields.parse({ spec: { cpus: 1, memory: '1Gi' } });
  const metadata = { name: 'vm-1', namespace: 'default', uid: 'm-1', resourceVersion: '9', generation: 3, creationTimestamp: NOW };
  const kind = { apiVersion: 'compute.lenticular.dev/v1alpha1', kind: 'VirtualMachine' };
  return { ...kind, metadata, spec: fields.spec, status: { ...fields.status, ...status } };
}

/** A machine that was made at placement epoch 2, on host-1. */
const made = machine('m-1', { placementEpoch: 2 });

test.each([
  { why: 'its VM is placed here, as then', status: { host: 'host-1', placementEpoch: 2 }, left: false },
  { why: 'its VM is placed here anew: its own controller sees to it', status: { host: 'host-1', placementEpoch: 3 }, left: false },
  { why: 'its VM was placed elsewhere later', status: { host: 'host-2', placementEpoch: 3 }, left: true },
  { why: 'its VM has given up this place, and has no other yet', status: { placementEpoch: 2 }, left: true },
  { why: 'its VM is told of as it was before it was placed here', status: { host: 'host-2', placementEpoch: 1 }, left: false },
  { why: 'its VM is told of as it was before it had any place', status: {}, left: false },
  { why: 'it was stopped in the name of a later placement elsewhere', status: { host: 'host-2', placementEpoch: 2 }, left: true },
])('a machine on a host is a copy that was left: $left, where $why', ({ status, left }) => {
  expect(hasLeft(vmAt(status), made, 'host-1')).toBe(left);
});
