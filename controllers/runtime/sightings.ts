import type { ApiObject } from '../../apis/meta/object.ts';

/** How far this leader has seen objects by the API itself. */
export interface Sightings {
  /** Whether an object, as a view has it, is one that was seen, and not older than that. */
  covers(object: ApiObject): boolean;
  note(object: ApiObject): void;
  /** It may be newer by now. */
  forget(uid: string): void;
}

/** Nothing was seen. */
export function createSightings(): Sightings {
  const versions = new Map<string, string>();
  return {
    covers({ metadata: { uid, resourceVersion } }) {
      const version = versions.get(uid);
      return version !== undefined && BigInt(resourceVersion) >= BigInt(version);
    },
    note: ({ metadata }) => void versions.set(metadata.uid, metadata.resourceVersion),
    forget: (uid) => void versions.delete(uid),
  };
}
