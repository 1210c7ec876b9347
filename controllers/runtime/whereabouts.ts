/** Where a kind's objects are: what a hint names, and what is meant by it, are found without a look at all of them. */
export interface Whereabouts {
  /** Notes an object, and the endpoint that it is at, if any. */
  note(uid: string, key: string, endpointUid: string | undefined): void;
  forget(uid: string): void;
  /** The key of the object with this uid. */
  keyOf(uid: string): string | undefined;
  /** Keys of the objects that were at an endpoint when they were noted last. */
  at(endpointUid: string): readonly string[];
  keys(): readonly string[];
}

interface Place {
  readonly key: string;
  readonly endpointUid: string | undefined;
}

/** Nothing is noted. */
export function createWhereabouts(): Whereabouts {
  const places = new Map<string, Place>();
  const uidsAt = new Map<string, Set<string>>();

  function forget(uid: string): void {
    const endpointUid = places.get(uid)?.endpointUid;
    places.delete(uid);
    if (endpointUid === undefined) return;
    const those = uidsAt.get(endpointUid);
    those?.delete(uid);
    if (those?.size === 0) uidsAt.delete(endpointUid);
  }

  return {
    note(uid, key, endpointUid) {
      const known = places.get(uid);
      if (known?.key === key && known.endpointUid === endpointUid) return;
      forget(uid);
      places.set(uid, { key, endpointUid });
      if (endpointUid !== undefined) uidsAt.set(endpointUid, (uidsAt.get(endpointUid) ?? new Set()).add(uid));
    },
    forget,
    keyOf: (uid) => places.get(uid)?.key,
    at: (endpointUid) => [...(uidsAt.get(endpointUid) ?? [])].flatMap((uid) => places.get(uid)?.key ?? []),
    keys: () => [...places.values()].map(({ key }) => key),
  };
}
