import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../../apis/infra/v1alpha1/host/kind.ts';
import { powerBack, powerLost, silence } from '../data-centre.ts';
import { CLOUD, cloudOf, host, isReady, saidOf, vm, volume, type Scenario, type User } from '../scenario.ts';

const ROOT = [{ name: 'root', volume: 'root' }];
/** On the first host that has room, so that two are on the same. */
const FIRST = { placement: { zone: 'zone-1', strategy: 'FirstFit' } };
const POWER = { power: { driver: 'sim' } };
/** A silence of this long makes a suspect, as people who are in a hurry declare it. */
const HASTY = { failover: { afterSeconds: 10 } };
const WITH_POWER = cloudOf([host('host-1', POWER), host('host-2', POWER)], HASTY);

async function hostOf(user: User): Promise<string> {
  return saidOf(await user.get(VirtualMachineKind, 'vm-1')).host ?? '';
}

async function runsElsewhere(user: User, lost: string): Promise<void> {
  await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object) && saidOf(object).host !== lost);
}

/** An operator states that a host is dead, for the boot that was seen last. */
async function statedDead(user: User, lost: string): Promise<void> {
  const { bootId = '' } = saidOf(await user.get(HostKind, lost));
  await user.change(HostKind, lost, { outOfService: { bootId, reason: 'it burnt' } });
}

/** A host loses power for good; its power driver proves it dead, and its VM runs elsewhere. */
export const hostLoss: Scenario = {
  name: 'host-loss',
  before: [...WITH_POWER, volume('root'), vm('vm-1', { disks: ROOT })],
  async story(user, cloud) {
    const lost = await hostOf(user);
    powerLost(cloud, lost);
    await runsElsewhere(user, lost);
  },
};

/** A host that nobody hears runs on; it is switched off before its VM is started elsewhere, and cleaned when it is back. */
export const hostSilence: Scenario = {
  name: 'host-silence',
  before: [...WITH_POWER, volume('root'), vm('vm-1', { disks: ROOT }), vm('other', { running: false })],
  async story(user, cloud) {
    const lost = await hostOf(user);
    silence(cloud, lost);
    await runsElsewhere(user, lost);
    cloud.sim.faults.clear();
    powerBack(cloud, lost);
    await user.until(HostKind, lost, isReady);
  },
};

/** An operator states that a host is dead; it comes back with the old copy, and is cleaned before anything else is done there. */
export const outOfService: Scenario = {
  name: 'out-of-service',
  before: [...CLOUD, volume('root'), vm('vm-1', { disks: ROOT, ...FIRST }), vm('waits', { onHostFailure: 'Wait', ...FIRST })],
  async story(user, cloud) {
    const lost = await hostOf(user);
    powerLost(cloud, lost);
    await user.sleep(5_000);
    await statedDead(user, lost);
    await runsElsewhere(user, lost);
    powerBack(cloud, lost);
    await user.until(VirtualMachineKind, 'waits', isReady);
    await user.change(HostKind, lost, { outOfService: null });
    await user.until(HostKind, lost, isReady);
  },
};
