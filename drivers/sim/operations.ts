import type { Operation, OperationService } from '../contract/disk.ts';
import { passObject } from '../contract/fence-check.ts';
import { checkOperationId } from '../contract/names.ts';
import { diskDoc, operationDoc, operationDocs, passLeader } from './documents.ts';
import type { OperationDoc } from './documents.ts';
import type { Immediate, Sim } from './sim.ts';

/** How far work has come at `nowMs`. */
export function progressOf({ id, uid, bytes, startedMs, endsMs, cancelled }: OperationDoc, nowMs: number): Operation {
  const share = endsMs <= startedMs ? 1 : Math.min(Math.max((nowMs - startedMs) / (endsMs - startedMs), 0), 1);
  const state = cancelled ? 'cancelled' : nowMs >= endsMs ? 'succeeded' : 'running';
  return { id, uid, state, percent: Math.floor(share * 100), bytesDone: Math.floor(share * bytes), bytesTotal: bytes };
}

/** Imports and clones of simulated pools. */
export function simOperations(sim: Sim): Immediate<OperationService> {
  const poolOf = (session: string): string => sim.sessions.endpoint(session, 'disk').uid;
  return {
    get({ session }, id) {
      checkOperationId('id', id);
      const found = operationDoc(sim.world, poolOf(session), id);
      return found === undefined ? undefined : progressOf(found, sim.clock.now());
    },
    list: ({ session }) => operationDocs(sim.world, poolOf(session)).map((found) => progressOf(found, sim.clock.now())),
    cancel(context, id) {
      checkOperationId('id', id);
      const pool = poolOf(context.session);
      sim.world.write(() => {
        passLeader(sim.world, context.fence);
        const found = operationDoc(sim.world, pool, id);
        const nowMs = sim.clock.now();
        if (found === undefined || progressOf(found, nowMs).state !== 'running') return;
        passObject(context.fence, diskDoc(sim.world, pool, found.uid)?.seen);
        sim.world.put('operations', pool, id, { ...found, cancelled: true, endsMs: nowMs });
        sim.world.remove('disks', pool, found.uid);
        sim.changed('operation', pool, found.uid);
      });
    },
  };
}
