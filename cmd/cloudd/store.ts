import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { EtcdOptions } from '../../server/store/etcd.ts';
import type { StoreReport } from '../../server/store/snapshot-check.ts';
import { raise, raised, type Snapshot, type SnapshotHeader } from '../../server/store/snapshot.ts';
import { systemClock } from '../clock.ts';
import { readEtcdTls, type EtcdTlsFiles } from './etcd-tls.ts';
import { OperatorError } from './operator-error.ts';
import { judgeObject, raiseIncarnation } from './stored-object.ts';

/** Where a store is: exactly one of a data folder and an etcd, the latter perhaps with TLS. */
export interface StorePlace extends EtcdTlsFiles {
  readonly dataDir?: string;
  readonly etcd?: readonly string[];
}

interface Source extends Snapshot {
  close(): void;
}

interface Target {
  readonly remaining: SnapshotHeader | undefined;
  write(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  release(): void;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The file of a data folder, which is not made here: a name mistyped must not leave a folder behind. */
function fileIn(dataDir: string): string {
  return join(resolve(dataDir), 'store.db');
}

const PLACES = '--data-dir or --etcd';

type Place = { readonly file: string } | { readonly etcd: EtcdOptions };

async function onePlace(place: StorePlace, options: string, signal: AbortSignal): Promise<Place> {
  const { dataDir, etcd, optionPrefix = '--etcd' } = place;
  if ((dataDir === undefined) === (etcd === undefined)) throw new OperatorError(`give one of ${options}`);
  if (etcd !== undefined) {
    const tls = await readEtcdTls(place, etcd, signal);
    return { etcd: { endpoints: etcd, clock: systemClock(), ...(tls === undefined ? {} : { tls }) } };
  }
  if ([place.etcdCa, place.etcdCert, place.etcdKey].some((file) => file !== undefined))
    throw new OperatorError(`what begins with ${optionPrefix} goes with ${optionPrefix}`);
  return { file: fileIn(dataDir ?? '') };
}

async function openSource(place: Place, signal: AbortSignal): Promise<Source> {
  if ('file' in place) {
    const { openFileSnapshot } = await import('../../server/store/snapshot-file.ts');
    return openFileSnapshot(place.file);
  }
  const { openEtcdSnapshot } = await import('../../server/store/etcd-snapshot.ts');
  const snapshot = await openEtcdSnapshot(place.etcd, signal);
  if (snapshot.state !== 'restoring') return snapshot;
  snapshot.close();
  throw new OperatorError('the store in etcd is half copied; run the restore or migration again that was interrupted');
}

async function openTarget(place: Place, signal: AbortSignal): Promise<Target> {
  if ('file' in place) {
    const { openFileTarget } = await import('../../server/store/snapshot-file.ts');
    return openFileTarget(place.file);
  }
  const { openEtcdTarget } = await import('../../server/store/etcd-snapshot.ts');
  return openEtcdTarget(place.etcd, signal);
}

/** `cloudd store backup`: the store as of now into a file, while servers run. */
export async function backup(options: StorePlace & { readonly to: string }, signal: AbortSignal): Promise<void> {
  const source = await openSource(await onePlace(options, PLACES, signal), signal);
  try {
    const { writeBackup } = await import('../../server/store/snapshot-file.ts');
    const { objects, digest } = await writeBackup(source, options.to, systemClock().now(), signal);
    say(`Backed up ${String(objects)} objects at revision ${String(source.header.revision)} to ${resolve(options.to)} (sha256 ${digest}).`);
  } finally {
    source.close();
  }
}

/** Copies a store that nobody serves, or will again, as the next incarnation. */
async function copyRaised(source: Snapshot, target: Target, signal: AbortSignal): Promise<void> {
  const header = raise(source.header, target.remaining, systemClock().now());
  await target.write(raised(source, header, raiseIncarnation), signal);
  say(
    `Done: installation ${header.installation}, incarnation ${String(header.incarnation)}, resourceVersions from ${String(header.offset)}.`,
  );
}

/** `cloudd store restore`: a backup into an empty place. */
export async function restore(options: StorePlace & { readonly from: string }, signal: AbortSignal): Promise<void> {
  const place = await onePlace(options, PLACES, signal);
  const { openFileSnapshot, verifyBackup } = await import('../../server/store/snapshot-file.ts');
  await verifyBackup(options.from, signal);
  const source = openFileSnapshot(options.from);
  try {
    if ('file' in place) await makeFolder(resolve(options.dataDir ?? ''));
    const target = await openTarget(place, signal);
    try {
      await copyRaised(source, target, signal);
    } finally {
      target.release();
    }
  } finally {
    source.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

export interface MigrateOptions extends StorePlace {
  readonly fromDataDir?: string;
  readonly fromEtcd?: readonly string[];
  readonly fromEtcdCa?: string;
  readonly fromEtcdCert?: string;
  readonly fromEtcdKey?: string;
}

function sourceOf({ fromDataDir, fromEtcd, fromEtcdCa, fromEtcdCert, fromEtcdKey }: MigrateOptions): StorePlace {
  return {
    ...(fromDataDir === undefined ? {} : { dataDir: fromDataDir }),
    ...(fromEtcd === undefined ? {} : { etcd: fromEtcd }),
    ...(fromEtcdCa === undefined ? {} : { etcdCa: fromEtcdCa }),
    ...(fromEtcdCert === undefined ? {} : { etcdCert: fromEtcdCert }),
    ...(fromEtcdKey === undefined ? {} : { etcdKey: fromEtcdKey }),
    optionPrefix: '--from-etcd',
  };
}

/** `cloudd store migrate`: a store into an empty place elsewhere; no server can use the first one from then on. */
export async function migrate(options: MigrateOptions, signal: AbortSignal): Promise<void> {
  const from = await onePlace(sourceOf(options), '--from-data-dir or --from-etcd', signal);
  const to = await onePlace(options, PLACES, signal);
  if ('file' in from && !existsSync(from.file)) throw new OperatorError(`there is no store in ${from.file}`);
  if ('file' in to) await makeFolder(resolve(options.dataDir ?? ''));
  // The target first: when it refuses, nothing has happened to the source.
  const target = await openTarget(to, signal);
  try {
    const { source, release } = await retire(from, signal);
    try {
      await copyRaised(source, target, signal);
    } finally {
      release();
    }
  } finally {
    target.release();
  }
}

async function retire(place: Place, signal: AbortSignal): Promise<{ readonly source: Snapshot; readonly release: () => void }> {
  if ('file' in place) {
    const { retireFile } = await import('../../server/store/snapshot-file.ts');
    const source = retireFile(place.file);
    return {
      source,
      release: () => {
        source.close();
        source.release();
      },
    };
  }
  const { retireEtcd } = await import('../../server/store/etcd-snapshot.ts');
  const source = await retireEtcd(place.etcd, signal);
  return {
    source,
    release: () => {
      source.close();
    },
  };
}

/** `cloudd store check`: rejects with OperatorError when something is found; changes nothing. */
export async function check(options: StorePlace & { readonly from?: string }, signal: AbortSignal): Promise<void> {
  const report = await inspect(options, signal);
  for (const finding of report.findings) say(finding);
  if (report.findings.length > 0) throw new OperatorError(`the store is damaged: ${String(report.findings.length)} findings`);
  const { header, objects } = report;
  say(`Sound: ${String(objects)} objects at revision ${String(header.revision)}, incarnation ${String(header.incarnation)}.`);
}

async function inspect({ from, ...options }: StorePlace & { readonly from?: string }, signal: AbortSignal): Promise<StoreReport> {
  const { checkEtcd, checkFile } = await import('../../server/store/snapshot-check.ts');
  if (from !== undefined) {
    if (Object.keys(options).length > 0) throw new OperatorError('give one of --from, --data-dir or --etcd, and --from alone');
    return checkFile(from, judgeObject, signal);
  }
  const place = await onePlace(options, '--from, --data-dir or --etcd', signal);
  try {
    return 'file' in place ? await checkFile(place.file, judgeObject, signal) : await checkEtcd(place.etcd, judgeObject, signal);
  } catch (error) {
    if (error instanceof ApiError) throw new OperatorError(error.message, { cause: error });
    throw error;
  }
}
