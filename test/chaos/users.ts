import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { isAborted } from '../../apis/meta/aborted.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Client } from '../../client/client.ts';
import { realClock } from '../programs/clock.ts';
import { createRandom, type Random } from '../simulation/random.ts';
import { answered, declare, NAMESPACES, type Declaration } from './declared.ts';

/** A VM with a volume of the same name, as the person who declares it remembers it. */
interface Owned {
  readonly name: string;
  readonly zone: string;
  running: boolean;
  attached: boolean;
  cpus: number;
  gibibytes: number;
  token: number;
}

/** One person, who owns what is in one namespace and does one thing after the other. */
interface Person {
  readonly clients: readonly Client[];
  readonly namespace: string;
  readonly zones: readonly string[];
  readonly random: Random;
  readonly owned: Owned[];
  /** VMs are made while there are fewer. */
  readonly most: number;
  made: number;
  storms: number;
}

type Deed = (person: Person, signal: AbortSignal) => Promise<void>;

export interface UsersOptions {
  readonly clients: readonly Client[];
  readonly zones: readonly string[];
  readonly seed: number;
  /** VMs that all of them keep up. */
  readonly vms: number;
  /** Whether the users go on. */
  readonly goesOn: () => boolean;
}

const STORM = 6;
const STORM_PAUSE_MS = 300;
const LONGEST_CALM_MS = 1_500;
const AGAIN_MS = 300;
const GONE_MS = 90_000;
const MOST_GIBIBYTES = 8;

const volumeOf = ({ namespace }: Person, { name, zone, gibibytes }: Owned): Declaration => {
  return { kind: VolumeKind, name, namespace, spec: { storagePool: `${zone}-pool`, size: `${gibibytes}Gi` } };
};

const specOf = ({ name, zone, running, attached, cpus, token }: Owned) => ({
  running,
  cpus,
  memory: '512Mi',
  stopTimeoutSeconds: 3,
  restartToken: `t${token}`,
  placement: { zone },
  disks: attached ? [{ name: 'data', volume: name }] : [],
});

const vmOf = ({ namespace }: Person, owned: Owned): Declaration => {
  return { kind: VirtualMachineKind, name: owned.name, namespace, spec: specOf(owned) };
};

function draw({ random, zones }: Person, name: string): Owned {
  return { name, zone: random.pick(zones), running: true, attached: true, cpus: 1 + random.below(3), gibibytes: 1, token: 0 };
}

async function change(
  { clients, namespace }: Person,
  kind: KindDefinition,
  name: string,
  spec: object,
  signal: AbortSignal,
): Promise<void> {
  await answered(clients, (client) => client.patch(kind, { namespace, name }, { spec }, signal), signal);
}

async function remove({ clients, namespace }: Person, kind: KindDefinition, name: string, signal: AbortSignal): Promise<void> {
  await answered(clients, (client) => client.delete(kind, { namespace, name }, signal), signal);
}

/** Declares it once what had its name before is gone. */
async function declareAgain(person: Person, declaration: Declaration, signal: AbortSignal): Promise<void> {
  const { clients, namespace } = person;
  const { kind, name } = declaration;
  const untilMs = realClock.monotonic() + GONE_MS;
  for (;;) {
    await declare(clients, declaration, signal);
    const found = await answered(clients, (client) => client.get<ApiObject>(kind, { namespace, name }, signal), signal);
    if (found !== undefined && found.metadata.deletionTimestamp === undefined) return;
    if (realClock.monotonic() > untilMs) throw new Error(`${kind.kind} ${namespace}/${name} does not go`);
    await realClock.sleep(AGAIN_MS, signal);
  }
}

async function make(person: Person, signal: AbortSignal): Promise<void> {
  if (person.owned.length >= person.most) return;
  person.made += 1;
  const owned = draw(person, `vm-${person.made}`);
  const both = [volumeOf(person, owned), vmOf(person, owned)];
  for (const declaration of person.random.chance(0.5) ? both : both.toReversed()) await declare(person.clients, declaration, signal);
  person.owned.push(owned);
}

/** Does something to one of the VMs that are there. */
const toOne =
  (deed: (person: Person, owned: Owned, signal: AbortSignal) => Promise<void>): Deed =>
  async (person, signal) => {
    if (person.owned.length > 0) await deed(person, person.random.pick(person.owned), signal);
  };

/** Changes what is remembered, and then what is declared to be the same. */
const toVm = (alter: (owned: Owned, random: Random) => void): Deed =>
  toOne(async (person, owned, signal) => {
    alter(owned, person.random);
    await change(person, VirtualMachineKind, owned.name, specOf(owned), signal);
  });

/** VMs that are deleted while they are being made. */
async function storm(person: Person, signal: AbortSignal): Promise<void> {
  person.storms += 1;
  const one = async (at: number, pauseMs: number): Promise<void> => {
    const owned = { ...draw(person, `storm-${person.storms}-${at}`), attached: false };
    await declare(person.clients, vmOf(person, owned), signal);
    await realClock.sleep(pauseMs, signal);
    await remove(person, VirtualMachineKind, owned.name, signal);
  };
  const pauses = Array.from({ length: STORM }, () => person.random.between(0, STORM_PAUSE_MS));
  await Promise.all(pauses.map((pauseMs, at) => one(at, pauseMs)));
}

const DEEDS: readonly Deed[] = [
  make,
  make,
  make,
  toVm((owned) => {
    owned.running = !owned.running;
  }),
  toVm((owned) => {
    owned.running = true;
  }),
  toVm((owned) => {
    owned.token += 1;
  }),
  toVm((owned, random) => {
    owned.cpus = 1 + random.below(3);
  }),
  toVm((owned) => {
    owned.attached = !owned.attached;
  }),
  toOne(async (person, owned, signal) => {
    owned.gibibytes = Math.min(owned.gibibytes + 1, MOST_GIBIBYTES);
    await change(person, VolumeKind, owned.name, { size: `${owned.gibibytes}Gi` }, signal);
  }),
  toOne(async (person, owned, signal) => {
    person.owned.splice(person.owned.indexOf(owned), 1);
    const kinds = [VirtualMachineKind, VolumeKind];
    for (const kind of person.random.chance(0.5) ? kinds : kinds.toReversed()) await remove(person, kind, owned.name, signal);
  }),
  toOne(async (person, owned, signal) => {
    await remove(person, VirtualMachineKind, owned.name, signal);
    if (person.random.chance(0.5)) {
      await remove(person, VolumeKind, owned.name, signal);
      owned.gibibytes = 1;
      await declareAgain(person, volumeOf(person, owned), signal);
    }
    await declareAgain(person, vmOf(person, owned), signal);
  }),
  storm,
];

async function live(person: Person, { goesOn }: UsersOptions, tell: (sentence: string) => void, signal: AbortSignal): Promise<number> {
  let deeds = 0;
  const { random } = person;
  while (goesOn() && !isAborted(signal)) {
    const deed = random.pick(DEEDS);
    await deed(person, signal).catch((error: unknown) => {
      if (isAborted(signal)) return;
      // Somebody whose question was not answered in time does not know any more what is there.
      tell(
        `a user of ${person.namespace} could not: ${error instanceof ApiError || error instanceof Error ? error.message : String(error)}`,
      );
    });
    deeds += 1;
    await realClock.sleep(random.chance(0.4) ? random.between(0, 50) : random.between(0, LONGEST_CALM_MS), signal).catch(() => undefined);
  }
  return deeds;
}

/** A person for each namespace makes, changes and deletes VMs and volumes, for as long as they shall; resolves with how much they did. */
export async function playUsers(options: UsersOptions, tell: (sentence: string) => void, signal: AbortSignal): Promise<number> {
  const { clients, zones, seed, vms } = options;
  const people = NAMESPACES.map((namespace, at): Person => {
    // Each begins with another server.
    const own = [...clients.slice(at % clients.length), ...clients.slice(0, at % clients.length)];
    const most = Math.ceil(vms / NAMESPACES.length);
    return { clients: own, namespace, zones, random: createRandom(seed * 31 + at), owned: [], most, made: 0, storms: 0 };
  });
  const deeds = await Promise.all(people.map((person) => live(person, options, tell, signal)));
  return deeds.reduce((sum, each) => sum + each, 0);
}
