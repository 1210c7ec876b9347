import { NamespaceKind, type Namespace } from '../apis/core/v1/namespace/kind.ts';
import { isAborted } from '../apis/meta/aborted.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { Log } from '../apis/meta/log.ts';
import type { Client } from './client.ts';

/** Where Leases live. */
export const SYSTEM_NAMESPACE = 'lenticular-system';

/** Who we are for drivers. */
export interface Installation {
  /** Uid of the namespace `lenticular-system`: the same for as long as the data lives. */
  readonly installation: string;
  /** Higher after each time that the data was restored or migrated. */
  readonly incarnation: number;
}

const INCARNATION = 'ops.lenticular.dev/incarnation';
const RETRY_MS = 500;

/** Asks until the API answers and the namespace is there; rejects only when the signal aborts. */
export async function installationOf(
  { client, clock, log }: { readonly client: Client; readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<Installation> {
  for (;;) {
    try {
      const namespace = await client.get<Namespace>(NamespaceKind, { name: SYSTEM_NAMESPACE }, signal);
      const said = namespace?.metadata.annotations?.[INCARNATION] ?? '1';
      const incarnation = /^[1-9]\d{0,14}$/.test(said) ? Number(said) : undefined;
      if (namespace !== undefined && incarnation !== undefined) return { installation: namespace.metadata.uid, incarnation };
      // A fence that is not a number would fence nothing: better to wait for somebody to mend it.
      const why =
        namespace === undefined
          ? 'is missing'
          : `has the annotation ${INCARNATION}: ${JSON.stringify(said)}, which is no whole number above 0`;
      log.warn({ namespace: SYSTEM_NAMESPACE }, `the namespace for Leases ${why}: waiting`);
    } catch (error) {
      if (isAborted(signal)) throw error;
      log.warn({ err: error }, 'the API does not answer: trying again');
    }
    await clock.sleep(RETRY_MS, signal);
  }
}
