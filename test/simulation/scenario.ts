import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import type { SimCloud } from './cloud.ts';

/** Something to be declared. */
export interface Declaration {
  readonly kind: KindDefinition;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What a person does to a cloud. */
export interface User {
  create(declaration: Declaration): Promise<void>;
  change(kind: KindDefinition, name: string, spec: Readonly<Record<string, unknown>>): Promise<void>;
  delete(kind: KindDefinition, name: string): Promise<void>;
  get(kind: KindDefinition, name: string): Promise<ApiObject | undefined>;
  /** Waits until the object fits, for as long as the run goes on. */
  until(kind: KindDefinition, name: string, fits: (object: ApiObject | undefined) => boolean): Promise<void>;
  sleep(ms: number): Promise<void>;
}

/** One story: what was there before, and what a person then does. Faults begin with the story. */
export interface Scenario {
  readonly name: string;
  readonly before: readonly Declaration[];
  /** How many processes of controllers there are; 1 where it is not given. */
  readonly processes?: number;
  /** How many API servers there are, on one store; 1 where it is not given. */
  readonly servers?: number;
  readonly story: (user: User, cloud: SimCloud) => Promise<void>;
  /** Who comes first decides how often something is made, because it may have been deleted before, and on which host. */
  readonly mayVary?: boolean;
}

const ROUND_MS = 250;
const SERVED_MS = 5;

export const vm = (name: string, spec: object = {}): Declaration => ({
  kind: VirtualMachineKind,
  name,
  spec: { cpus: 1, memory: '512Mi', stopTimeoutSeconds: 5, placement: { zone: 'zone-1' }, ...spec },
});
export const volume = (name: string, spec: object = {}): Declaration => ({
  kind: VolumeKind,
  name,
  spec: { storagePool: 'pool-1', size: '1Gi', ...spec },
});
/** A host of the first rack. */
export const host = (name: string, spec: object = {}): Declaration => ({
  kind: HostKind,
  name,
  spec: { pod: 'rack-1', driver: { name: 'sim', config: { cpus: 8, memory: '16Gi' } }, ...spec },
});

/** A zone with these hosts and a pool. */
export const cloudOf = (hosts: readonly Declaration[], zone: Declaration['spec'] = {}): readonly Declaration[] => [
  { kind: ZoneKind, name: 'zone-1', spec: zone },
  { kind: PodKind, name: 'rack-1', spec: { zone: 'zone-1' } },
  ...hosts,
  { kind: StoragePoolKind, name: 'pool-1', spec: { scope: { zone: 'zone-1' }, driver: { name: 'sim', config: { capacity: '1Ti' } } } },
];

/** A zone with two hosts and a pool. */
export const CLOUD: readonly Declaration[] = cloudOf([host('host-1'), host('host-2')]);

/** What stories look at in a status, of whichever kind. */
interface Said {
  readonly host?: string;
  readonly bootId?: string;
  readonly fence?: object;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

export const saidOf = (object: ApiObject | undefined): Said => object?.status ?? {};

/** Whether the object is Ready, for that reason where one is given. */
export function isReady(object: ApiObject | undefined, because?: string): boolean {
  const { conditions = [] } = saidOf(object);
  return conditions.some(({ type, status, reason }) => type === 'Ready' && status === 'True' && (because ?? reason) === reason);
}

function keyOf(kind: KindDefinition, name: string): ObjectKey {
  return kind.scope === 'Namespaced' ? { namespace: 'default', name } : { name };
}

/** Tries until the API answers: a server that is away for a moment is not what a story is about. */
async function answered<T>(cloud: SimCloud, ask: (client: Client) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask(cloud.user.client);
    } catch (error) {
      const reason = (error as { readonly reason?: string }).reason ?? '';
      if (!['ServiceUnavailable', 'Timeout', 'Conflict', 'TooManyRequests'].includes(reason) || tries === 100) throw error;
      await cloud.user.sleep(ROUND_MS);
    }
  }
}

/** The user of a cloud. */
export function userOf(cloud: SimCloud): User {
  const { signal, sleep } = cloud.user;
  const get = (kind: KindDefinition, name: string): Promise<ApiObject | undefined> =>
    answered(cloud, (client) => client.get(kind, keyOf(kind, name), signal));
  return {
    sleep,
    async create({ kind, name, spec }) {
      const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: keyOf(kind, name), spec };
      await answered(cloud, (client) => client.create(kind, body, signal));
    },
    async change(kind, name, spec) {
      await answered(cloud, (client) => client.patch(kind, keyOf(kind, name), { spec }, signal));
    },
    async delete(kind, name) {
      await answered(cloud, (client) => client.delete(kind, keyOf(kind, name), signal));
    },
    get,
    async until(kind, name, fits) {
      for (let seen = cloud.watch.written(name); !fits(await get(kind, name));) {
        await seen;
        seen = cloud.watch.written(name);
        // A server may hear of it a moment later than the store.
        await sleep(SERVED_MS);
      }
    },
  };
}
