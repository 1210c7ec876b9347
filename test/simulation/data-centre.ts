import { hostDocs } from '../../drivers/sim/documents.ts';
import { switchOff, switchOn } from '../../drivers/sim/guests.ts';
import type { SimCloud } from './cloud.ts';

/** The uid of a host by its name. */
function hostUid({ sim }: SimCloud, name: string): string {
  const host = hostDocs(sim.sim.world).find((doc) => doc.name === name);
  if (host === undefined) throw new Error(`there is no host ${name}`);
  return host.uid;
}

/** The names of all hosts that a driver has seen. */
export function hostNames({ sim }: SimCloud): readonly string[] {
  return hostDocs(sim.sim.world).map(({ name }) => name);
}

/** A host loses power, and stays without. */
export function powerLost(cloud: SimCloud, host: string): void {
  cloud.trace.add(`${host} loses power`);
  switchOff(cloud.sim.sim, hostUid(cloud, host));
}

/** A host gets power, and boots; what of it was silent speaks again. */
export function powerBack(cloud: SimCloud, host: string): void {
  cloud.trace.add(`${host} boots`);
  switchOn(cloud.sim.sim, hostUid(cloud, host));
}

/** Nobody hears from a host any more, and what runs there runs on. */
export function silence(cloud: SimCloud, host: string): void {
  cloud.trace.add(`${host} falls silent`);
  const endpoint = hostUid(cloud, host);
  for (const call of ['machine.*', 'host.*'])
    cloud.sim.faults.set({ call, endpoint, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
}
