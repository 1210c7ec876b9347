import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { CLOUD, isReady, vm, volume, type Scenario } from '../scenario.ts';

/** A VM with two volumes is made, and runs. */
export const createVm: Scenario = {
  name: 'create-vm',
  before: CLOUD,
  async story(user) {
    await user.create(volume('root'));
    await user.create(volume('data'));
    await user.create(
      vm('vm-1', {
        disks: [
          { name: 'root', volume: 'root' },
          { name: 'data', volume: 'data' },
        ],
        interfaces: [{ name: 'eth0' }],
      }),
    );
    await user.until(VirtualMachineKind, 'vm-1', isReady);
  },
};
