import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../contract/clock.ts';
import type { ConfigBag, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { CallContext } from '../contract/fence.ts';
import { checkUid } from '../contract/names.ts';
import { createBmc } from './bmc.ts';
import { configSchemaOf, parseBmcConfig } from './config.ts';
import { passwordPath } from './password-file.ts';
import type { PowerEndpoint } from './power.ts';

/** The sessions of this process. */
export interface PowerSessions {
  open(ref: EndpointRef, config: ConfigBag, signal: AbortSignal): Promise<string>;
  close(session: string): void;
  drain(session: string): void;
  /** The endpoint of a session. UNAVAILABLE/SESSION_UNKNOWN, UNAVAILABLE/DRAINING. */
  find(context: CallContext): PowerEndpoint;
}

interface Session {
  readonly endpoint: PowerEndpoint;
  draining: boolean;
}

const MAX_SESSIONS = 100_000;

/** No session is open. Passwords are looked for in `secrets` of the state folder, and what was seen of leaders is kept in `hosts`. */
export function createPowerSessions(stateDir: string, clock: Clock): PowerSessions {
  const sessions = new Map<string, Session>();
  return {
    async open(ref, config, signal) {
      configSchemaOf(ref.category);
      checkUid('endpoint.uid', ref.uid);
      const bmc = parseBmcConfig(config);
      const password = await passwordPath(join(stateDir, 'secrets'), bmc.passwordFile, signal);
      const hosts = join(stateDir, 'hosts');
      await mkdir(hosts, { recursive: true, mode: 0o700 });
      const endpoint: PowerEndpoint = { uid: ref.uid, bmc: createBmc(bmc, password, clock), fences: join(hosts, `${ref.uid}.json`) };
      // Opened again it is the same session, with the newer configuration; one that drains is left to end.
      const again = [...sessions].find(
        ([
          ,
          {
            endpoint: { uid },
            draining,
          },
        ]) => uid === ref.uid && !draining,
      )?.[0];
      if (again === undefined && sessions.size >= MAX_SESSIONS)
        throw new DriverError('RESOURCE_EXHAUSTED', 'NO_CAPACITY', `at most ${MAX_SESSIONS} sessions may be open`);
      const session = again ?? randomUUID();
      sessions.set(session, { endpoint, draining: false });
      return session;
    },
    close: (session) => void sessions.delete(session),
    drain(session) {
      const known = sessions.get(session);
      if (known !== undefined) known.draining = true;
    },
    find({ session }) {
      const known = sessions.get(session);
      if (known === undefined)
        throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'this driver process does not know the session: open it again');
      if (known.draining) throw new DriverError('UNAVAILABLE', 'DRAINING', 'the session is draining and takes nothing new');
      return known.endpoint;
    },
  };
}
