import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../../apis/infra/v1alpha1/pod/kind.ts';
import { CLOUD, host, isReady, saidOf, vm, volume, type Declaration, type Scenario } from '../scenario.ts';

const ROOT = [{ name: 'root', volume: 'root' }];
const SECOND_RACK: readonly Declaration[] = [
  { kind: PodKind, name: 'rack-2', spec: { zone: 'zone-1' } },
  host('host-3', { pod: 'rack-2' }),
];
/** On the first host that has room, so that two are on the same. */
const FIRST = { placement: { zone: 'zone-1', strategy: 'FirstFit' } };
const IN_RACK_1 = { placement: { zone: 'zone-1', pod: 'rack-1' } };
const IN_RACK_2 = { placement: { zone: 'zone-1', pod: 'rack-2' } };

/** A running VM is declared to be in another rack, where it is started at the restart that is asked for later. */
export const moveVm: Scenario = {
  name: 'move-vm',
  before: [...CLOUD, ...SECOND_RACK, volume('root'), vm('vm-1', { disks: ROOT, ...IN_RACK_1 })],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', IN_RACK_2);
    await user.sleep(3_000);
    await user.change(VirtualMachineKind, 'vm-1', { restartToken: 'there' });
    await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object) && saidOf(object).host === 'host-3');
  },
};

/** A VM that stands still is declared to be in another rack, and is started. */
export const moveStopped: Scenario = {
  name: 'move-stopped',
  before: [...CLOUD, ...SECOND_RACK, volume('root'), vm('vm-1', { disks: ROOT, ...IN_RACK_1 })],
  async story(user) {
    await user.change(VirtualMachineKind, 'vm-1', { running: false });
    await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object, 'Stopped'));
    await user.change(VirtualMachineKind, 'vm-1', IN_RACK_2);
    await user.sleep(1_000);
    await user.change(VirtualMachineKind, 'vm-1', { running: true });
    await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object) && saidOf(object).host === 'host-3');
  },
};

/** A host is drained: one VM is started elsewhere, one may not be stopped and blocks, until that is allowed; then the host comes back into use. */
export const maintenance: Scenario = {
  name: 'maintenance',
  before: [...CLOUD, volume('root'), vm('vm-1', { disks: ROOT, onMaintenance: 'Restart', ...FIRST }), vm('stays', FIRST)],
  async story(user) {
    const drained = saidOf(await user.get(VirtualMachineKind, 'vm-1')).host ?? '';
    await user.change(HostKind, drained, { maintenance: true });
    await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object) && saidOf(object).host !== drained);
    await user.sleep(3_000);
    await user.change(VirtualMachineKind, 'stays', { onMaintenance: 'Restart' });
    await user.until(HostKind, drained, (object) => isReady(object, 'InMaintenance'));
    await user.change(HostKind, drained, { maintenance: false });
    await user.until(HostKind, drained, (object) => isReady(object, 'AsDeclared'));
  },
};

const MOST_OF_A_HOST = { memory: '10Gi', ...FIRST };

/** A host's VM may leave it and has nowhere to go; the maintenance is taken back, and then there is room elsewhere: it is left alone. */
export const maintenanceTakenBack: Scenario = {
  name: 'maintenance-taken-back',
  before: [...CLOUD, vm('vm-1', { onMaintenance: 'Restart', ...MOST_OF_A_HOST }), vm('other', MOST_OF_A_HOST)],
  async story(user) {
    const drained = saidOf(await user.get(VirtualMachineKind, 'vm-1')).host ?? '';
    await user.change(HostKind, drained, { maintenance: true });
    await user.until(
      HostKind,
      drained,
      (object) => saidOf(object).conditions?.some(({ reason }) => reason === 'MaintenanceBlocked') === true,
    );
    await user.sleep(1_000);
    await user.change(HostKind, drained, { maintenance: false });
    await user.sleep(500);
    await user.delete(VirtualMachineKind, 'other');
    await user.sleep(15_000);
    await user.until(HostKind, drained, (object) => isReady(object, 'AsDeclared'));
  },
};
