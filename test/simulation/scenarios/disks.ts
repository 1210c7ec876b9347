import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { VolumeKind } from '../../../apis/storage/v1alpha1/volume/kind.ts';
import { CLOUD, saidOf, vm, volume, type Scenario } from '../scenario.ts';

const ROOT = { name: 'root', volume: 'root' };
const DATA = { name: 'data', volume: 'data' };

/** A second disk is attached to a running VM. */
export const attachDisk: Scenario = {
  name: 'attach-disk',
  before: [...CLOUD, volume('root'), volume('data'), vm('vm-1', { disks: [ROOT] })],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { disks: [ROOT, DATA] });
    await user.until(VolumeKind, 'data', (object) => saidOf(object).conditions?.some(({ reason }) => reason === 'Attached') === true);
  },
};

/** A disk is detached from a running VM, and deleted. */
export const detachDisk: Scenario = {
  name: 'detach-disk',
  before: [...CLOUD, volume('root'), volume('data'), vm('vm-1', { disks: [ROOT, DATA] })],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { disks: [ROOT] });
    await user.delete(VolumeKind, 'data');
  },
};

/** Two volumes grow: one that a running VM has, and one that nobody has. */
export const growVolume: Scenario = {
  name: 'grow-volume',
  before: [...CLOUD, volume('root'), volume('data'), vm('vm-1', { disks: [ROOT] })],
  async story(user) {
    await user.change(VolumeKind, 'root', { size: '2Gi' });
    await user.change(VolumeKind, 'data', { size: '3Gi' });
  },
};

/** A volume moves from one running VM to another. */
export const handOver: Scenario = {
  name: 'hand-over',
  before: [...CLOUD, volume('data'), vm('vm-1', { disks: [DATA] }), vm('vm-2')],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-2', { disks: [DATA] });
    await user.change(VirtualMachineKind, 'vm-1', { disks: [] });
  },
};

/** A disk is declared for one running VM and, before that can have had it, for another instead. */
export const dropDisk: Scenario = {
  name: 'drop-disk',
  before: [...CLOUD, volume('data'), vm('vm-1'), vm('vm-2')],
  mayVary: true,
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { disks: [DATA] });
    await user.sleep(8);
    await user.change(VirtualMachineKind, 'vm-1', { disks: [] });
    await user.change(VirtualMachineKind, 'vm-2', { disks: [DATA] });
  },
};
