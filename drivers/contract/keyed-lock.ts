import { DriverError } from './driver-error.ts';

/** Lets one mutating call per uid run; never queues, because the caller does. */
export interface KeyedLock {
  /** Takes the key until disposed. Throws ABORTED/OPERATION_PENDING while somebody holds it. */
  hold(key: string): Disposable;
}

/** A lock of this process; it keeps only the keys that are held. */
export function createKeyedLock(): KeyedLock {
  const held = new Set<string>();
  return {
    hold(key) {
      if (held.has(key)) {
        throw new DriverError('ABORTED', 'OPERATION_PENDING', `another call on ${key} is running`, { metadata: { uid: key } });
      }
      held.add(key);
      return { [Symbol.dispose]: () => void held.delete(key) };
    },
  };
}
