import { VirtualMachineKind } from '../../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../../apis/infra/v1alpha1/host/kind.ts';
import { ZoneKind } from '../../../apis/infra/v1alpha1/zone/kind.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { hostDocs } from '../../../drivers/sim/documents.ts';
import type { SimCloud } from '../cloud.ts';
import { CLOUD, isReady, vm, volume, type Declaration, type Scenario } from '../scenario.ts';

/** Longer than it takes to suspect a host here, and shorter than the longest pause of whoever leads. */
const LEASE_SECONDS = 20;

const leased = (name: string): Declaration => ({
  kind: HostKind,
  name,
  spec: { pod: 'rack-1', driver: { name: 'sim', config: { cpus: 8, memory: '16Gi', leaseSeconds: LEASE_SECONDS } } },
});

const hostOf = (object: ApiObject | undefined): string => (object?.status as { readonly host?: string } | undefined)?.host ?? '';

/** From now on nobody hears of the host, where what runs there runs on until its lease is over. */
function cutOff({ sim }: SimCloud, name: string): void {
  const endpoint = hostDocs(sim.sim.world).find((host) => host.name === name)?.uid ?? '';
  sim.faults.set({ call: '*', endpoint, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
}

/** The host of a VM is cut off for so long that it stops it by itself, and it runs elsewhere; then the host is back. */
export const leaseExpires: Scenario = {
  name: 'lease-expires',
  before: [
    { kind: ZoneKind, name: 'zone-1', spec: { failover: { afterSeconds: 5 } } },
    ...CLOUD.filter(({ kind }) => kind !== HostKind && kind !== ZoneKind),
    ...['host-1', 'host-2'].map(leased),
    volume('root'),
    // Without a disk nothing but the lease keeps two copies apart.
    vm('vm-1'),
    vm('vm-2', { disks: [{ name: 'root', volume: 'root' }] }),
  ],
  mayVary: true,
  async story(user, cloud) {
    let host = '';
    await user.until(VirtualMachineKind, 'vm-1', (object) => {
      host = hostOf(object);
      return (object?.status as { readonly leased?: boolean } | undefined)?.leased === true;
    });
    cutOff(cloud, host);
    await user.until(VirtualMachineKind, 'vm-1', (object) => isReady(object) && hostOf(object) !== host);
    cloud.sim.faults.clear();
  },
};
