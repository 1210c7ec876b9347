import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { VolumeKind } from '../../../apis/storage/v1alpha1/volume/kind.ts';
import { CLOUD, isReady, vm, volume, type Scenario } from '../scenario.ts';

const DISKS = [{ name: 'root', volume: 'root' }];

/** A VM and its volume are deleted while they are being made, and made again under the same names. */
export const createDeleteRace: Scenario = {
  name: 'create-delete-race',
  before: CLOUD,
  mayVary: true,
  async story(user, { random }) {
    await user.create(volume('root'));
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.sleep(random.between(0, 40));
    await user.delete(VirtualMachineKind, 'vm-1');
    await user.delete(VolumeKind, 'root');
    await user.until(VirtualMachineKind, 'vm-1', (object) => object === undefined);
    await user.until(VolumeKind, 'root', (object) => object === undefined);
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.create(volume('root'));
    await user.until(VirtualMachineKind, 'vm-1', isReady);
  },
};

/** Two processes of controllers share the work, while a VM is made and stopped. */
export const twoProcesses: Scenario = {
  name: 'two-processes',
  before: CLOUD,
  processes: 2,
  async story(user) {
    await user.create(volume('root'));
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.until(VirtualMachineKind, 'vm-1', isReady);
    await user.change(VirtualMachineKind, 'vm-1', { running: false });
  },
};

/** Two servers, each with an API and with controllers that speak to it, on one store: a VM is made, restarted and deleted through one of them. */
export const twoServers: Scenario = {
  name: 'two-servers',
  before: CLOUD,
  processes: 2,
  servers: 2,
  async story(user) {
    await user.create(volume('root'));
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.until(VirtualMachineKind, 'vm-1', isReady);
    await user.change(VirtualMachineKind, 'vm-1', { restartToken: 'again' });
    await user.sleep(50);
    await user.delete(VirtualMachineKind, 'vm-1');
    await user.until(VirtualMachineKind, 'vm-1', (object) => object === undefined);
    await user.delete(VolumeKind, 'root');
  },
};

/** The leader dies while a VM is being made; another process is there to take over. */
export const leaderChange: Scenario = {
  name: 'leader-change',
  before: CLOUD,
  processes: 2,
  async story(user, { processes, watch }) {
    await user.create(volume('root'));
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.sleep(20);
    processes.find(({ name }) => name === watch.leaderOf('zone-1'))?.kill();
    await user.until(VirtualMachineKind, 'vm-1', isReady);
  },
};

/** The driver's process ends while a VM is being made, and again while it is being stopped. */
export const driverRestart: Scenario = {
  name: 'driver-restart',
  before: CLOUD,
  async story(user, cloud) {
    await user.create(volume('root'));
    await user.create(vm('vm-1', { disks: DISKS }));
    await user.sleep(15);
    cloud.restartDriver();
    await user.until(VirtualMachineKind, 'vm-1', isReady);
    await user.change(VirtualMachineKind, 'vm-1', { running: false });
    await user.sleep(10);
    cloud.restartDriver();
    await user.until(VirtualMachineKind, 'vm-1', isReady);
  },
};
