import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../../apis/infra/v1alpha1/host/kind.ts';
import { silence } from '../data-centre.ts';
import { cloudOf, host, isReady, saidOf, vm, type Scenario } from '../scenario.ts';

/** A host falls silent, which only its driver's beat tells, because nobody looks at it: its zone waits as long as zones do by themselves. It answers again. */
export const beatSilence: Scenario = {
  name: 'beat-silence',
  before: [...cloudOf([host('host-1', { power: { driver: 'sim' } }), host('host-2')]), vm('vm-1')],
  async story(user, cloud) {
    const silent = saidOf(await user.get(VirtualMachineKind, 'vm-1')).host ?? '';
    silence(cloud, silent);
    await user.until(HostKind, silent, (object) => !isReady(object));
    cloud.sim.faults.clear();
    await user.until(HostKind, silent, isReady);
  },
};

/** Nothing passes to and from the driver any more, and no connection breaks: that beats stay away is all there is to be heard. */
export const halfOpen: Scenario = {
  name: 'half-open',
  before: cloudOf([host('host-1')]),
  async story(user, cloud) {
    cloud.sever(true);
    await user.until(HostKind, 'host-1', (object) => !isReady(object));
    cloud.sever(false);
    await user.until(HostKind, 'host-1', isReady);
  },
};
