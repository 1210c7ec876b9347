import type { Category, DriverEvent, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';

/** An open session: the endpoint that it belongs to. */
export interface OpenEndpoint {
  readonly session: string;
  readonly category: Category;
  readonly uid: string;
}

/** The sessions of this process; an endpoint has at most one. */
export interface SessionTable {
  open(endpoint: EndpointRef): string;
  close(session: string): void;
  drain(session: string): void;
  /** The endpoint of a session. UNAVAILABLE/SESSION_UNKNOWN, UNAVAILABLE/DRAINING, INVALID_ARGUMENT for a session of another category. */
  endpoint(session: string, category: Category): OpenEndpoint;
  /** Sessions of hosts. */
  hosts(): readonly (OpenEndpoint & { readonly draining: boolean })[];
  /** The session of an endpoint, if it is open. */
  of(type: DriverEvent['type'], uid: string): string | undefined;
}

const MAX_SESSIONS = 100_000;

/** A table without sessions; `newId` makes their ids. */
export function createSessionTable(newId: (bytes: number) => string): SessionTable {
  const sessions = new Map<string, OpenEndpoint & { readonly draining: boolean }>();
  const byEndpoint = new Map<string, string>();
  return {
    open({ category, uid }) {
      const key = `${category}/${uid}`;
      const session = byEndpoint.get(key) ?? newId(12);
      if (sessions.size >= MAX_SESSIONS)
        throw new DriverError('RESOURCE_EXHAUSTED', 'NO_CAPACITY', `at most ${MAX_SESSIONS} sessions may be open`);
      sessions.set(session, { session, category, uid, draining: false });
      byEndpoint.set(key, session);
      return session;
    },
    close(session) {
      const found = sessions.get(session);
      if (found === undefined) return;
      sessions.delete(session);
      byEndpoint.delete(`${found.category}/${found.uid}`);
    },
    drain(session) {
      const found = sessions.get(session);
      if (found === undefined) return;
      sessions.set(session, { ...found, draining: true });
      // Whoever opens the endpoint again gets a session of its own.
      byEndpoint.delete(`${found.category}/${found.uid}`);
    },
    endpoint(session, category) {
      const found = sessions.get(session);
      if (found === undefined)
        throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'this driver process does not know the session: open it again');
      if (found.draining) throw new DriverError('UNAVAILABLE', 'DRAINING', 'the session is draining and takes nothing new');
      if (found.category === category) return found;
      throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', `the session is a ${found.category}'s`, {
        metadata: { field: 'context.session' },
      });
    },
    hosts: () => [...sessions.values()].filter(({ category }) => category === 'machine'),
    of: (type, uid) => byEndpoint.get(`${type === 'machine' || type === 'host' ? 'machine' : 'disk'}/${uid}`),
  };
}
