import { DriverError } from '../drivers/contract/driver-error.ts';
import type { OpenSession } from '../drivers/contract/sessions.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { Endpoint } from '../controllers/runtime/switchboard.ts';
import { endpointOf, openEndpoint, type EndpointObject } from '../controllers/runtime/device.ts';
import type { Round } from '../controllers/runtime/controller.ts';
import { plugDriver } from '../drivers/dial/plug.ts';
import { createSessions } from '../drivers/dial/sessions.ts';
import { createSimDriver, type SimDriver } from '../drivers/sim/driver.ts';
import { REAL_CLOCK } from './api-bench.ts';
import { labelOf } from './shard-bench.ts';

/** Toys that talk to hosts of a simulated data centre: their label `endpoint` names the host. */
export interface SimToy {
  readonly sim: SimDriver;
  endpointOf(object: ApiObject): Endpoint | undefined;
  /** The session on the object's host. */
  open(object: ApiObject, round: Round, signal: AbortSignal): Promise<OpenSession>;
  close(): Promise<void>;
}

/** A data centre in this process; all its hosts take so many calls. */
export function openSimToy(limits = { inFlight: 8, perOperation: 4 }): SimToy {
  const sim = createSimDriver({ worldFile: ':memory:', clock: REAL_CLOCK, version: '0' });
  const sessions = createSessions({
    clock: REAL_CLOCK,
    dial: (name, _address, stop) => {
      if (name === 'sim') return plugDriver(sim.driver, stop);
      throw new DriverError('INVALID_ARGUMENT', 'DRIVER_UNKNOWN', `there is no driver ${name}`);
    },
  });
  const hostOf = (object: ApiObject): EndpointObject | undefined => {
    const name = labelOf(object, 'endpoint');
    if (name === undefined) return undefined;
    const metadata = { ...object.metadata, name, uid: `uid-of-${name}` };
    return { kind: 'Host', metadata, spec: { driver: { name: 'sim', config: {} }, limits } };
  };
  return {
    sim,
    endpointOf(object) {
      const host = hostOf(object);
      return host && endpointOf(host);
    },
    open(object, round, signal) {
      const host = hostOf(object);
      if (host === undefined) throw new Error('the object names no host');
      return openEndpoint(sessions, 'machine', host, round.authority, signal);
    },
    async close() {
      await sessions.closeAll();
      sim.close();
    },
  };
}
