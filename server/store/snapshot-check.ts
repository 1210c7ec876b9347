import type { EtcdSnapshot } from './etcd-snapshot.ts';
import type { EtcdOptions } from './etcd.ts';
import { openFileSnapshot } from './snapshot-file.ts';
import { createTally, type SnapshotHeader, type SnapshotObject } from './snapshot.ts';

/** What a check found. */
export interface StoreReport {
  readonly header: SnapshotHeader;
  readonly objects: number;
  /** Sentences, at most a hundred; none for a sound store. */
  readonly findings: readonly string[];
}

/** What is wrong with one object, as a sentence; undefined for a sound one. */
export type Judge = (object: Pick<SnapshotObject, 'key' | 'value'>) => string | undefined;

const MOST_FINDINGS = 100;

interface Findings {
  readonly list: string[];
  add(finding: string | undefined): void;
}

function createFindings(): Findings {
  const list: string[] = [];
  return {
    list,
    add: (finding) => {
      if (finding !== undefined && list.length < MOST_FINDINGS) list.push(finding);
    },
  };
}

/** Checks a store file or a backup and changes nothing; a server may have it open. Rejects with ApiError where it cannot be read at all. */
export async function checkFile(file: string, judge: Judge, signal: AbortSignal): Promise<StoreReport> {
  const snapshot = openFileSnapshot(file);
  try {
    const { header, backup } = snapshot;
    const findings = createFindings();
    for (const line of snapshot.integrity()) findings.add(`SQLite: ${line}`);
    const tally = createTally(header);
    for await (const page of snapshot.pages(signal)) {
      for (const object of page) {
        tally.add(object);
        checkObject(object, header, judge, findings);
      }
    }
    const { objects, digest } = tally.total();
    if (backup !== undefined && (backup.digest !== digest || backup.objects !== objects)) {
      findings.add('the backup is not what was written: its digest differs');
    }
    return { header, objects, findings: findings.list };
  } finally {
    snapshot.close();
  }
}

/** Checks the store in etcd as of now and changes nothing; servers may run. */
export async function checkEtcd(options: EtcdOptions, judge: Judge, signal: AbortSignal): Promise<StoreReport> {
  const { openEtcdSnapshot } = await import('./etcd-snapshot.ts');
  const snapshot = await openEtcdSnapshot(options, signal);
  try {
    return await checkSnapshot(snapshot, judge, signal);
  } finally {
    snapshot.close();
  }
}

async function checkSnapshot(snapshot: EtcdSnapshot, judge: Judge, signal: AbortSignal): Promise<StoreReport> {
  const { header, state } = snapshot;
  const findings = createFindings();
  let objects = 0;
  if (state === 'restoring') findings.add('the store is half copied: a restore or migration is under way, or was interrupted');
  for await (const page of snapshot.rawPages(signal)) {
    for (const object of page) {
      objects += 1;
      if ('finding' in object) findings.add(object.finding);
      else checkObject(object, header, judge, findings);
    }
  }
  return { header, objects, findings: findings.list };
}

function checkObject(object: SnapshotObject, { revision }: SnapshotHeader, judge: Judge, findings: Findings): void {
  if (object.version > revision * 64n + 63n) findings.add(`${object.key}: its version is newer than the store`);
  findings.add(judge(object));
}
