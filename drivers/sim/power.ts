import type { PowerService } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { MutationContext } from '../contract/fence.ts';
import { hostDoc, passLeader, passServed } from './documents.ts';
import { switchOff, switchOn } from './guests.ts';
import type { Immediate, Sim } from './sim.ts';

/** The power of simulated hosts, each by the uid of its machine endpoint: what is off runs nothing, answers nothing, and is proven so. */
export function simPower(sim: Sim): Immediate<PowerService> {
  const uidOf = (session: string): string => sim.sessions.endpoint(session, 'power').uid;
  const change = (context: MutationContext, act: (uid: string) => void): void => {
    const uid = uidOf(context.session);
    sim.world.write(() => {
      passLeader(sim.world, context.fence);
      passServed(sim.world, uid, 'power', context.trace, context.fence);
      act(uid);
    });
  };
  return {
    status({ session }) {
      const host = hostDoc(sim.world, uidOf(session));
      if (host === undefined) throw new DriverError('UNAVAILABLE', 'BACKEND', 'there is no such host yet');
      return host.off === true ? 'off' : 'on';
    },
    on: (context) => change(context, (uid) => switchOn(sim, uid)),
    off: (context) => change(context, (uid) => switchOff(sim, uid)),
    reset: (context) =>
      change(context, (uid) => {
        switchOff(sim, uid);
        switchOn(sim, uid);
      }),
  };
}
