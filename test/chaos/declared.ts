import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { NamespaceKind } from '../../apis/core/v1/namespace/kind.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Client } from '../../client/client.ts';
import { realClock } from '../programs/clock.ts';
import type { ChaosCloud } from './cloud.ts';

/** Something to be declared; of a namespaced kind with its namespace. */
export interface Declaration {
  readonly kind: KindDefinition;
  readonly name: string;
  readonly namespace?: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The namespaces that VMs and volumes are in. */
export const NAMESPACES: readonly string[] = ['team-1', 'team-2', 'team-3', 'team-4'];

const AGAIN_MS = 200;
/** Longer than any API server is away. */
const PATIENCE_MS = 60_000;

/** Zones with so many pods of one host each, and a pool that all hosts of the zone reach, behind the zone's driver. */
export function declaredZones({ drivers }: ChaosCloud, podsPerZone: number): readonly Declaration[] {
  return drivers.flatMap(({ zone, link }): readonly Declaration[] => {
    const driver = { name: 'sim', endpoint: `127.0.0.1:${link.port}` };
    const pods = Array.from({ length: podsPerZone }, (_, at) => `${zone}-rack-${at + 1}`);
    const host = { ...driver, config: { cpus: 16, memory: '32Gi', bootDelayMs: 200, stopDelayMs: 200 } };
    return [
      { kind: ZoneKind, name: zone, spec: {} },
      ...pods.map((name) => ({ kind: PodKind, name, spec: { zone } })),
      ...pods.map((pod) => ({ kind: HostKind, name: pod.replace('rack', 'host'), spec: { pod, driver: host } })),
      { kind: StoragePoolKind, name: `${zone}-pool`, spec: { scope: { zone }, driver } },
    ];
  });
}

/** What can never be as declared, and is to say truly why. */
export function hopeless(zone: string): readonly Declaration[] {
  const [namespace = ''] = NAMESPACES;
  const vm = { cpus: 1, memory: '512Mi', placement: { zone } };
  return [
    { kind: VirtualMachineKind, name: 'giant', namespace, spec: { ...vm, cpus: 512 } },
    { kind: VirtualMachineKind, name: 'without-volume', namespace, spec: { ...vm, disks: [{ name: 'data', volume: 'nowhere' }] } },
    { kind: VolumeKind, name: 'without-pool', namespace, spec: { storagePool: 'nowhere', size: '1Gi' } },
  ];
}

export const namespaces: readonly Declaration[] = NAMESPACES.map((name) => ({ kind: NamespaceKind, name, spec: {} }));

/** Asks one API server after the other until one answers; what was asked may have been done more than once. Rejects with what an answer refuses. */
export async function answered<T>(clients: readonly Client[], ask: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
  const untilMs = realClock.monotonic() + PATIENCE_MS;
  for (let at = 0; ; at += 1) {
    try {
      const client = clients[at % clients.length];
      if (client === undefined) throw new RangeError('there is no API server to ask');
      return await ask(client);
    } catch (error) {
      const passing = error instanceof ApiError && ['ServiceUnavailable', 'Timeout', 'Conflict', 'TooManyRequests'].includes(error.reason);
      if (!passing || realClock.monotonic() > untilMs) throw error;
      await realClock.sleep(AGAIN_MS, signal);
    }
  }
}

/** Declares something; it may be there already, because an answer was lost. */
export async function declare(
  clients: readonly Client[],
  { kind, name, namespace, spec }: Declaration,
  signal: AbortSignal,
): Promise<void> {
  const metadata = namespace === undefined ? { name } : { name, namespace };
  const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec };
  try {
    await answered(clients, (client) => client.create(kind, body, signal), signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
  }
}
