import { createHash } from 'node:crypto';

/** What a store is, apart from its objects. */
export interface SnapshotHeader {
  readonly installation: string;
  readonly incarnation: number;
  readonly offset: bigint;
  /** The newest revision, of which the objects are. */
  readonly revision: bigint;
}

/** An object with its version counted without the offset. */
export interface SnapshotObject {
  readonly key: string;
  readonly value: string;
  readonly version: bigint;
}

/** A store as of one moment. */
export interface Snapshot {
  readonly header: SnapshotHeader;
  /** All objects in pages, by key; each call begins again. */
  pages(signal: AbortSignal): AsyncIterable<readonly SnapshotObject[]> | Iterable<readonly SnapshotObject[]>;
}

/** What a backup says of itself. */
export interface BackupMark {
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly objects: number;
  /** SHA-256 of the header and of every object, in hexadecimal. */
  readonly digest: string;
}

/** How one object is changed on its way into a raised store. */
export type Rewrite = (object: SnapshotObject, incarnation: number) => string;

/** Versions between the highest that the copied data knows of and the first that its copy gives. */
const RAISE = 2n ** 44n;
/** Versions that no store gives in one millisecond. */
const PER_MILLISECOND = 1024n;

/** The highest resourceVersion that a store with this header can have given. */
export function highestVersion({ offset, revision }: Pick<SnapshotHeader, 'offset' | 'revision'>): bigint {
  return offset + revision * 64n + 63n;
}

/**
 * The identity of a copy that lives on its own: the incarnation above that of the source and of what the target remembers, and an offset
 * above every version given before. What was given after a backup was taken is in no file, so both also follow the clock (`now`,
 * milliseconds), the offset faster than any store counts: a second restore of one backup is above the first one and all that it gave.
 */
export function raise(source: SnapshotHeader, remaining: SnapshotHeader | undefined, now: number): SnapshotHeader {
  const known = [source, ...(remaining === undefined ? [] : [remaining])];
  const highest = known.map(highestVersion).reduce((left, right) => (left > right ? left : right));
  const byClock = BigInt(Math.trunc(now)) * PER_MILLISECOND;
  // Whole revisions, and beyond the clock only where the data is: then a clock went back, or another etcd's revisions were added.
  const offset = byClock > highest ? byClock : (highest / 64n + 1n) * 64n + RAISE;
  const incarnation = Math.max(Math.trunc(now), ...known.map((header) => header.incarnation + 1));
  return { installation: source.installation, incarnation, offset, revision: source.revision };
}

/** The same snapshot as another store: with that identity, and objects changed by `rewrite`. */
export function raised(snapshot: Snapshot, header: SnapshotHeader, rewrite: Rewrite): Snapshot {
  return {
    header,
    async *pages(signal) {
      for await (const page of snapshot.pages(signal)) {
        yield page.map((object) => ({ ...object, value: rewrite(object, header.incarnation) }));
      }
    },
  };
}

/** Counts what passes, for a backup's mark. */
export interface Tally {
  add(object: SnapshotObject): void;
  /** Ends the count. */
  total(): Pick<BackupMark, 'objects' | 'digest'>;
}

/** A tally of a store with this header. */
export function createTally({ installation, incarnation, offset, revision }: SnapshotHeader): Tally {
  const hash = createHash('sha256').update(JSON.stringify([installation, incarnation, String(offset), String(revision)]));
  let objects = 0;
  return {
    add: ({ key, value, version }) => {
      hash.update(JSON.stringify([key, String(version), value]));
      objects += 1;
    },
    total: () => ({ objects, digest: hash.digest('hex') }),
  };
}
