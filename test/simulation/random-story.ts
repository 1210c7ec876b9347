import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import { createRandom, type Random } from './random.ts';
import { CLOUD, vm, volume, type Declaration, type Scenario, type User } from './scenario.ts';

/** A VM as the person who declares it remembers it. */
interface Owned {
  readonly name: string;
  readonly volumes: readonly string[];
  attached: readonly string[];
  running: boolean;
  size: number;
  token: number;
}

/** What a person remembers of everything that they declared. */
interface Memory {
  readonly random: Random;
  readonly user: User;
  readonly vms: Owned[];
  made: number;
  /** The host that is being drained, or is. */
  drained: string | undefined;
}

type Deed = (memory: Memory) => Promise<void>;

const SECOND_ZONE: readonly Declaration[] = [
  { kind: ZoneKind, name: 'zone-2', spec: {} },
  { kind: PodKind, name: 'rack-2', spec: { zone: 'zone-2' } },
  { kind: HostKind, name: 'host-3', spec: { pod: 'rack-2', driver: { name: 'sim', config: { cpus: 16, memory: '32Gi' } } } },
  { kind: StoragePoolKind, name: 'pool-2', spec: { scope: { zone: 'zone-2' }, driver: { name: 'sim', config: { capacity: '1Ti' } } } },
];
const MOST_VMS = 4;

const disksOf = (names: readonly string[]) => ({ disks: names.map((name) => ({ name, volume: name })) });

async function make(memory: Memory): Promise<void> {
  const { random, user, vms } = memory;
  if (vms.length >= MOST_VMS) return;
  memory.made += 1;
  const name = `vm-${memory.made}`;
  const place = 1 + random.below(2);
  const volumes = Array.from({ length: random.below(3) }, (_, at) => `${name}-disk-${at}`);
  const first = random.chance(0.5);
  const makeVolumes = async (): Promise<void> => {
    for (const one of volumes) await user.create(volume(one, { storagePool: `pool-${place}` }));
  };
  if (first) await makeVolumes();
  const zone = random.chance(0.8) || volumes.length > 0 ? { placement: { zone: `zone-${place}` } } : { placement: {} };
  const onMaintenance = random.pick(['Stay', 'Restart'] as const);
  await user.create(vm(name, { ...zone, ...disksOf(volumes), onMaintenance }));
  if (!first) await makeVolumes();
  vms.push({ name, volumes, attached: volumes, running: true, size: 1, token: 0 });
}

/** Does something to one of the VMs that are there. */
const toOne =
  (deed: (one: Owned, memory: Memory) => Promise<void>): Deed =>
  async (memory) => {
    if (memory.vms.length > 0) await deed(memory.random.pick(memory.vms), memory);
  };

/** Drains a host, or takes the one that was drained into use again. */
async function drain(memory: Memory): Promise<void> {
  const { user, random, drained } = memory;
  memory.drained = drained === undefined ? random.pick(['host-1', 'host-2']) : undefined;
  await user.change(HostKind, memory.drained ?? drained ?? '', { maintenance: drained === undefined });
}

const DEEDS: readonly Deed[] = [
  make,
  make,
  drain,
  toOne(async (one, { user }) => {
    one.running = !one.running;
    await user.change(VirtualMachineKind, one.name, { running: one.running });
  }),
  toOne(async (one, { user }) => {
    one.token += 1;
    await user.change(VirtualMachineKind, one.name, { restartToken: `t${one.token}` });
  }),
  toOne(async (one, { user, random }) => {
    await user.change(VirtualMachineKind, one.name, { cpus: 1 + random.below(3) });
  }),
  toOne(async (one, { user }) => {
    one.attached = one.attached.length === one.volumes.length ? one.volumes.slice(1) : one.volumes;
    await user.change(VirtualMachineKind, one.name, disksOf(one.attached));
  }),
  toOne(async (one, { user, random }) => {
    if (one.volumes.length === 0) return;
    one.size += 1;
    await user.change(VolumeKind, random.pick(one.volumes), { size: `${one.size}Gi` });
  }),
  toOne(async (one, { user, vms, random }) => {
    vms.splice(vms.indexOf(one), 1);
    const deletes = [() => user.delete(VirtualMachineKind, one.name), ...one.volumes.map((name) => () => user.delete(VolumeKind, name))];
    for (const each of random.chance(0.5) ? deletes : deletes.toReversed()) await each();
  }),
];

/** A story that the seed draws: so many deeds, a dozen or two where it is not given, about four seconds apart. */
export function randomStory(seed: number, deeds?: number): Scenario {
  return {
    name: `random-${seed}`,
    before: [...CLOUD, ...SECOND_ZONE],
    processes: 2,
    mayVary: true,
    async story(user) {
      const memory: Memory = { random: createRandom(seed ^ 0x57047), user, vms: [], made: 0, drained: undefined };
      const { random } = memory;
      for (let left = deeds ?? 4 + random.below(16); left > 0; left -= 1) {
        await random.pick(DEEDS)(memory);
        // Most of what goes wrong, goes wrong between two steps of one deed.
        await user.sleep(random.chance(0.4) ? random.between(0, 50) : random.between(0, 10_000));
      }
      if (memory.drained !== undefined) await drain(memory);
    },
  };
}
