import type { Clock } from '../contract/clock.ts';
import type { MachineFolder } from './machine-record.ts';
import { uuidOf } from './identity.ts';
import { connectQmp, type QmpConnection, type QmpEvent } from './qmp.ts';
import { DriverError } from '../contract/driver-error.ts';

/** What a machine's engine said by itself; `closed` when its monitor ended, which is how a crash is seen first. */
export type MonitorNews = { readonly kind: 'event'; readonly event: QmpEvent } | { readonly kind: 'closed' };

/** The connections to the monitors of a host's machines: at most one each, kept open so that news arrive. */
export interface Monitors {
  /** The open connection, or a new one: the first monitor, and the second where another client holds the first. */
  connect(folder: MachineFolder, uid: string, signal: AbortSignal): Promise<QmpConnection>;
  /** Lets go of one machine's monitor, or of all. */
  release(folder?: MachineFolder): void;
}

function answeredUuid(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'UUID' in answer ? answer.UUID : undefined;
}

async function connectEither(folder: MachineFolder, uid: string, clock: Clock, signal: AbortSignal): Promise<QmpConnection> {
  const [first, second] = folder.monitors;
  const connection = await connectQmp({ path: first, clock }, signal).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof DriverError)) throw error;
    return connectQmp({ path: second, clock }, signal);
  });
  if (answeredUuid(await connection.execute('query-uuid', {}, signal)) !== uuidOf(uid)) {
    connection.close();
    throw new DriverError('INTERNAL', 'BACKEND', `the monitor in the folder of ${uid} belongs to another machine`);
  }
  return connection;
}

/** Monitors that live as long as `life`; `onNews` hears everything that the engines say. */
export function createMonitors(
  { clock, onNews }: { readonly clock: Clock; readonly onNews: (uid: string, news: MonitorNews) => void },
  life: AbortSignal,
): Monitors {
  const open = new Map<string, QmpConnection>();
  const opening = new Map<string, Promise<QmpConnection>>();
  const begin = async (folder: MachineFolder, uid: string): Promise<QmpConnection> => {
    const connection = await connectEither(folder, uid, clock, life);
    open.set(folder.path, connection);
    connection.listen((event) => onNews(uid, { kind: 'event', event }));
    connection.closed.addEventListener('abort', () => {
      if (open.get(folder.path) !== connection) return;
      open.delete(folder.path);
      onNews(uid, { kind: 'closed' });
    });
    return connection;
  };
  const monitors: Monitors = {
    async connect(folder, uid, signal) {
      signal.throwIfAborted();
      const known = open.get(folder.path);
      if (known !== undefined && !known.closed.aborted) return known;
      let attempt = opening.get(folder.path);
      if (attempt === undefined) {
        attempt = begin(folder, uid).finally(() => opening.delete(folder.path));
        opening.set(folder.path, attempt);
      }
      return attempt;
    },
    release(folder) {
      const paths = folder === undefined ? [...open.keys()] : [folder.path];
      for (const path of paths) {
        const connection = open.get(path);
        open.delete(path);
        connection?.close();
      }
    },
  };
  life.addEventListener('abort', () => monitors.release(), { once: true });
  return monitors;
}
