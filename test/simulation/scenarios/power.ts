import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { VolumeKind } from '../../../apis/storage/v1alpha1/volume/kind.ts';
import { CLOUD, vm, volume, type Scenario } from '../scenario.ts';

const STOPPED = vm('vm-1', { running: false });

/** A VM that was declared to stand still is started. */
export const startVm: Scenario = {
  name: 'start-vm',
  before: [...CLOUD, STOPPED],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { running: true });
  },
};

/** A running VM is stopped. */
export const stopVm: Scenario = {
  name: 'stop-vm',
  before: [...CLOUD, volume('root'), vm('vm-1', { disks: [{ name: 'root', volume: 'root' }] })],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { running: false });
  },
};

/** A running VM is restarted by its token. */
export const restartVm: Scenario = {
  name: 'restart-vm',
  before: [...CLOUD, vm('vm-1')],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { restartToken: 'again' });
  },
};

/** A running VM is given more CPUs and memory, which it takes up at the restart that is asked for later. */
export const resizeVm: Scenario = {
  name: 'resize-vm',
  before: [...CLOUD, vm('vm-1')],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { cpus: 2, memory: '1Gi' });
    await user.sleep(3_000);
    await user.change(VirtualMachineKind, 'vm-1', { restartToken: 'resized' });
  },
};

/** A running VM and its volume are deleted, the volume first. */
export const deleteVm: Scenario = {
  name: 'delete-vm',
  before: [...CLOUD, volume('root'), vm('vm-1', { disks: [{ name: 'root', volume: 'root' }] })],
  async story(user) {
    await user.delete(VolumeKind, 'root');
    await user.delete(VirtualMachineKind, 'vm-1');
  },
};
