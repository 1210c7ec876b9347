import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../contract/clock.ts';
import type { ConfigBag, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { CallContext } from '../contract/fence.ts';
import { checkUid } from '../contract/names.ts';
import { createSessionTable } from '../serve/sessions.ts';
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

/** No session is open. Passwords are looked for in `secrets` of the state folder, and what was seen of leaders is kept in `hosts`. */
export function createPowerSessions(stateDir: string, clock: Clock): PowerSessions {
  const table = createSessionTable((bytes) => randomBytes(bytes).toString('hex'));
  const endpoints = new Map<string, PowerEndpoint>();
  return {
    async open(ref, config, signal) {
      configSchemaOf(ref.category);
      checkUid('endpoint.uid', ref.uid);
      const bmc = parseBmcConfig(config);
      const password = await passwordPath(join(stateDir, 'secrets'), bmc.passwordFile, signal);
      const hosts = join(stateDir, 'hosts');
      await mkdir(hosts, { recursive: true, mode: 0o700 });
      const session = table.open(ref);
      // Opened again it is the same session, with the newer configuration.
      endpoints.set(session, { uid: ref.uid, bmc: createBmc(bmc, password, clock), fences: join(hosts, `${ref.uid}.json`) });
      return session;
    },
    close(session) {
      table.close(session);
      endpoints.delete(session);
    },
    drain: (session) => table.drain(session),
    find({ session }) {
      table.endpoint(session, 'power');
      const endpoint = endpoints.get(session);
      if (endpoint === undefined) throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'the session is not open: open it again');
      return endpoint;
    },
  };
}
