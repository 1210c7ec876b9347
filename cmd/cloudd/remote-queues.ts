import { request } from 'node:https';
import { z } from 'zod';
import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { apiVersionOf } from '../../apis/meta/kind.ts';
import { QueueKind } from '../../apis/ops/v1alpha1/queue/kind.ts';
import { QueueFields, type Queue } from '../../apis/ops/v1alpha1/queue/schema.ts';
import type { Client } from '../../client/client.ts';
import { SYSTEM_NAMESPACE } from '../../client/installation.ts';
import { ENDPOINT, ENDPOINT_CA, QUEUES_PATH } from './endpoint.ts';

/** How long one process may take to say what it leads. */
const ANSWER_MS = 3_000;
const MOST_BYTES = 16 * 1024 * 1024;

// The name has the kind behind that of a shard, which alone may be as long as a name can be.
const Metadata = z.strictObject({
  name: z.string().max(320),
  uid: z.string().max(400),
  resourceVersion: z.string().max(20),
  generation: z.int(),
  creationTimestamp: z.string().max(40),
});
const Queues = z
  .array(
    QueueFields.extend({ apiVersion: z.literal(apiVersionOf(QueueKind)), kind: z.literal(QueueKind.kind), metadata: Metadata }).strict(),
  )
  .max(100_000);

/** What processes of controllers elsewhere lead, and which of them did not say. */
export interface RemoteQueues {
  readonly objects: readonly Queue[];
  readonly warnings: readonly string[];
}

interface Place {
  readonly holder: string;
  readonly address: URL;
  readonly ca: string;
}

function placeOf({ metadata, spec }: Lease): Place | undefined {
  const { [ENDPOINT]: address = '', [ENDPOINT_CA]: ca } = metadata.annotations ?? {};
  // With no authority at all the machine's own would do, and anybody has a certificate of theirs.
  if (ca === undefined || ca === '' || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === 'https:' ? { holder: spec.holderIdentity ?? '', address: url, ca } : undefined;
}

function read({ address, ca }: Place, token: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const asked = request(new URL(QUEUES_PATH, address), { ca, headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST_BYTES) response.destroy(new Error('it says too much'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`it answers ${String(response.statusCode)}`));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function queuesAt(place: Place, token: string, signal: AbortSignal): Promise<RemoteQueues> {
  try {
    const text = await read(place, token, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
    return { objects: Queues.parse(JSON.parse(String(text))), warnings: [] };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof z.ZodError ? 'it says what no controllers say' : (error as Error).message;
    return { objects: [], warnings: [`the controllers ${place.holder} at ${place.address.host} cannot be asked what they lead: ${why}`] };
  }
}

/** Of queues that several processes say they lead, the one that was led last: the others have not heard yet that they lead no more. */
export function lastLed(queues: readonly Queue[]): readonly Queue[] {
  const found = new Map<string, Queue>();
  for (const queue of queues) {
    const { name } = queue.metadata;
    const other = found.get(name);
    if (other === undefined || other.status.epoch < queue.status.epoch) found.set(name, queue);
  }
  return [...found.values()];
}

/** Asks every process of controllers that says on its Lease where. */
export async function remoteQueues(client: Client, token: string, signal: AbortSignal): Promise<RemoteQueues> {
  const { items } = await client.list<Lease>(LeaseKind, { namespace: SYSTEM_NAMESPACE }, signal);
  const answers = await Promise.all(items.flatMap((lease) => placeOf(lease) ?? []).map((place) => queuesAt(place, token, signal)));
  return { objects: answers.flatMap(({ objects }) => objects), warnings: answers.flatMap(({ warnings }) => warnings) };
}
