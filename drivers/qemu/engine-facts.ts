import { DriverError } from '../contract/driver-error.ts';
import { diskDeviceId } from './command-line.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import type { MachineFolder, MachineRecord } from './machine-record.ts';
import { findEngine, isAlive, searchEngine, type ProcessIdentity } from './machine-process.ts';
import type { QmpConnection } from './qmp.ts';

/** A disk that the engine has plugged in. */
export interface PluggedDisk {
  readonly deviceId: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

/** What is surely known of a machine's engine. */
export type EngineFacts =
  /** There is no process of this machine. */
  | { readonly kind: 'absent' }
  /** There is one, and it does not answer. */
  | { readonly kind: 'silent'; readonly process: ProcessIdentity }
  | {
      readonly kind: 'answers';
      readonly process: ProcessIdentity;
      readonly connection: QmpConnection;
      /** The engine's own word, for example `running`. */
      readonly status: string;
      readonly plugged: readonly PluggedDisk[];
    };

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The disks in the answer to query-block; what is no disk of ours (the seed) is left out. */
export function parsePlugged(answer: unknown): readonly PluggedDisk[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((block: unknown) => {
    const device = /^\/machine\/peripheral\/(vd-[0-9a-f]{12})(\/|$)/.exec(String(field(block, 'qdev')))?.[1];
    const inserted = field(block, 'inserted');
    if (device === undefined || inserted === undefined) return [];
    return [
      {
        deviceId: device,
        sizeBytes: Number(field(field(inserted, 'image'), 'virtual-size') ?? 0),
        readOnly: field(inserted, 'ro') === true,
      },
    ];
  });
}

/** Whether the disk is among those plugged in. */
export function isPlugged(facts: EngineFacts, diskUid: string): boolean {
  return facts.kind === 'answers' && facts.plugged.some((disk) => disk.deviceId === diskDeviceId(diskUid));
}

async function ask(
  host: HostEndpoint,
  folder: MachineFolder,
  uid: string,
  process: ProcessIdentity,
  signal: AbortSignal,
): Promise<EngineFacts> {
  try {
    const connection = await host.monitors.connect(folder, uid, signal);
    const status = field(await connection.execute('query-status', {}, signal), 'status');
    const plugged = parsePlugged(await connection.execute('query-block', {}, signal));
    return { kind: 'answers', process, connection, status: String(status), plugged };
  } catch (error) {
    if (signal.aborted || !(error instanceof DriverError)) throw error;
    return isAlive(process) ? { kind: 'silent', process } : { kind: 'absent' };
  }
}

/** Looks at a machine's process and asks its monitor; changes nothing. Takes 3.5 s where a living engine stays silent. */
export async function lookAtEngine(
  host: HostEndpoint,
  machine: { readonly folder: MachineFolder; readonly record: MachineRecord },
  signal: AbortSignal,
): Promise<EngineFacts> {
  const { folder, record } = machine;
  // Without a run on record there is nothing to search for: the pid file alone would have to be lost as well.
  const process = findEngine(folder.pidFile) ?? (record.run === undefined ? undefined : searchEngine(folder.pidFile));
  return process === undefined ? { kind: 'absent' } : ask(host, folder, record.spec.owner.uid, process, signal);
}
