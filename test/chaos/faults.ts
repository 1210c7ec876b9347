import { LeaseKind } from '../../apis/coordination/v1/lease/kind.ts';
import { isAborted } from '../../apis/meta/aborted.ts';
import { SYSTEM_NAMESPACE } from '../../client/installation.ts';
import type { DriverErrorCode } from '../../drivers/contract/driver-error.ts';
import type { MachineDoc } from '../../drivers/sim/documents.ts';
import type { FaultAction } from '../../drivers/sim/faults.ts';
import { realClock } from '../programs/clock.ts';
import type { Random } from '../simulation/random.ts';
import type { Severed } from '../store/cutting-proxy.ts';
import type { ChaosCloud, Driver, Part } from './cloud.ts';
import { answered } from './declared.ts';

/** What a fault is told: chance, and how long a leader that is silent still leads. */
interface Circumstances {
  readonly cloud: ChaosCloud;
  readonly random: Random;
  readonly leaseMs: number;
  /** Parts that something is done to: a fault leaves them alone. */
  readonly busy: Set<object>;
}

type Process = Pick<Part, 'name' | 'alive' | 'start' | 'kill' | 'pause' | 'resume'>;

/** Something that goes wrong, drawn from chance alone; the function plays it to its end, with what it breaks whole again. */
type Draw = (circumstances: Circumstances) => Drawn;

interface Drawn {
  readonly what: string;
  /** What nothing else may be done to meanwhile. */
  readonly part: object;
  play(signal: AbortSignal): Promise<void>;
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> => realClock.sleep(ms, signal).catch(() => undefined);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function kill(process: Process, ms: number): Drawn {
  return {
    what: `${process.name} killed for ${seconds(ms)}`,
    part: process,
    async play(signal) {
      await process.kill();
      await sleep(ms, signal);
      await process.start();
    },
  };
}

function pause(process: Process, ms: number): Drawn {
  return {
    what: `${process.name} stopped for ${seconds(ms)}`,
    part: process,
    async play(signal) {
      process.pause();
      await sleep(ms, signal);
      process.resume();
    },
  };
}

function sever({ name, link }: Part, from: string, how: Severed, ms: number): Drawn {
  return {
    what: `${name} and ${from} severed (${how}) for ${seconds(ms)}`,
    part: link,
    async play(signal) {
      link.sever(how);
      await sleep(ms, signal);
      link.join();
    },
  };
}

/** Links that are open now are broken, and new ones are not: closed, or silent for ever, so that only who uses one finds out. */
function breakLinks({ name, link }: Part, how: 'cut' | 'half-open'): Drawn {
  return {
    what: `links of ${name} broken (${how})`,
    part: {},
    play() {
      link.breakNow(how);
      return Promise.resolve();
    },
  };
}

/** A guest dies, as guests do. */
function crash(driver: Driver, random: Random): Drawn {
  const share = random.next();
  return {
    what: `a guest of ${driver.zone} crashes`,
    part: {},
    async play() {
      const running = driver.world.all('machines').filter(({ doc }) => (doc as MachineDoc).active !== undefined);
      const uid = running[Math.floor(share * running.length)]?.uid;
      // It may have been stopped meanwhile, and the driver may be down.
      if (uid !== undefined) await driver.control({ do: 'crash', uid }).catch(() => undefined);
    },
  };
}

/** Sets a fault in a driver, which forgets it where it dies; and starts it again where the fault has killed it. */
function disturb(driver: Driver, call: string, count: number, action: FaultAction, ms: number): Drawn {
  return {
    what: `${driver.name}: ${JSON.stringify(action)} at ${count} calls of ${call}`,
    part: driver,
    async play(signal) {
      await driver.control({ do: 'fault', call, count, action });
      await sleep(ms, signal);
      if (driver.alive()) await driver.control({ do: 'clear' }).catch(() => undefined);
      // It may have died between the two.
      await sleep(100, new AbortController().signal);
      if (!driver.alive()) await driver.start();
    },
  };
}

const CALLS = ['machine.*', 'machine.ensure', 'machine.start', 'machine.stop', 'disk.*', 'disk.ensure', 'disk.publish', 'host.*', '*'];
const CODES: readonly DriverErrorCode[] = ['UNAVAILABLE', 'ABORTED', 'INTERNAL', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'];
const SEVERED: readonly Severed[] = ['silent', 'answers', 'refused'];

const DRAWS: readonly Draw[] = [
  ({ cloud, random }) => kill(random.pick(cloud.controllers), random.between(0, 5_000)),
  ({ cloud, random }) => kill(random.pick(cloud.controllers), random.between(0, 5_000)),
  ({ cloud, random }) => kill(random.pick(cloud.servers), random.between(0, 3_000)),
  ({ cloud, random }) => kill(random.pick(cloud.drivers), random.between(0, 3_000)),
  ({ cloud, random, leaseMs }) => pause(random.pick(cloud.controllers), leaseMs * random.between(0.5, 3)),
  ({ cloud, random, leaseMs }) => pause(random.pick(cloud.controllers), leaseMs * random.between(0.5, 3)),
  ({ cloud, random }) => pause(random.pick(cloud.servers), random.between(500, 4_000)),
  ({ cloud, random }) => pause(random.pick(cloud.drivers), random.between(500, 5_000)),
  ({ cloud, random, leaseMs }) => sever(random.pick(cloud.controllers), 'its API', random.pick(SEVERED), leaseMs * random.between(0.5, 3)),
  ({ cloud, random, leaseMs }) => sever(random.pick(cloud.controllers), 'its API', random.pick(SEVERED), leaseMs * random.between(0.5, 3)),
  ({ cloud, random }) => sever(random.pick(cloud.drivers), 'controllers', random.pick(SEVERED), random.between(500, 8_000)),
  ({ cloud, random }) => breakLinks(random.pick(cloud.drivers), random.pick(['cut', 'half-open'])),
  ({ cloud, random }) => breakLinks(random.pick(cloud.controllers), random.pick(['cut', 'half-open'])),
  ({ cloud, random }) => crash(random.pick(cloud.drivers), random),
  ({ cloud, random }) => {
    const action = { do: 'lost-answer', then: random.pick(['unknown', 'hang'] as const) } as const;
    return disturb(random.pick(cloud.drivers), random.pick(CALLS), 1 + random.below(6), action, random.between(1_000, 5_000));
  },
  ({ cloud, random }) => {
    const action = { do: 'delay', ms: random.between(50, 3_000) } as const;
    return disturb(random.pick(cloud.drivers), random.pick(CALLS), 1 + random.below(40), action, random.between(1_000, 6_000));
  },
  ({ cloud, random }) => {
    const action = { do: 'error', code: random.pick(CODES) } as const;
    return disturb(random.pick(cloud.drivers), random.pick(CALLS), 1 + random.below(20), action, random.between(1_000, 5_000));
  },
  ({ cloud, random }) => {
    const action = { do: 'die', when: random.pick(['before', 'after'] as const) } as const;
    return disturb(random.pick(cloud.drivers), random.pick(CALLS), 1, action, random.between(1_000, 4_000));
  },
  ({ cloud, random }) => {
    const name = `shard-${random.pick([...cloud.drivers.map(({ zone }) => zone), 'global'])}`;
    return {
      what: `Lease ${name} deleted`,
      part: {},
      play: (signal) =>
        answered(cloud.clients, (client) => client.delete(LeaseKind, { namespace: SYSTEM_NAMESPACE, name }, signal), signal),
    };
  },
];

export interface FaultsOptions {
  readonly random: Random;
  readonly leaseMs: number;
  /** Time between two faults, at most. */
  readonly calmMs: number;
  /** How many may be at once. */
  readonly atOnce: number;
}

/** Plays one fault after the other, some at once, until the signal aborts; then everything is whole. */
export async function playFaults(
  cloud: ChaosCloud,
  { random, leaseMs, calmMs, atOnce }: FaultsOptions,
  tell: (sentence: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const circumstances: Circumstances = { cloud, random, leaseMs, busy: new Set() };
  const { busy } = circumstances;
  const under = new Set<Promise<void>>();
  let played = 0;
  while (!isAborted(signal)) {
    const drawn = random.pick(DRAWS)(circumstances);
    if (!busy.has(drawn.part) && under.size < atOnce) {
      tell(drawn.what);
      played += 1;
      busy.add(drawn.part);
      const playing: Promise<void> = drawn
        .play(signal)
        .catch((error: unknown) => {
          tell(`${drawn.what} could not be played: ${error instanceof Error ? error.message : String(error)}`);
        })
        .finally(() => {
          busy.delete(drawn.part);
          under.delete(playing);
        });
      under.add(playing);
    }
    await sleep(random.between(0, calmMs), signal);
  }
  await Promise.all(under);
  await makeWhole(cloud);
  return played;
}

/** Everything runs, hears each other, and does as it is told. */
export async function makeWhole({ controllers, drivers, servers }: ChaosCloud): Promise<void> {
  const parts: readonly Process[] = [...servers, ...drivers, ...controllers];
  for (const part of parts) {
    part.resume();
    if (!part.alive()) await part.start();
  }
  for (const { link } of [...controllers, ...drivers]) link.join();
  await Promise.all(drivers.map((driver) => driver.control({ do: 'clear' })));
}
