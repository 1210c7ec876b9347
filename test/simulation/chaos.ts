import { LEASE_MS, type SimCloud } from './cloud.ts';
import { hostNames, powerBack, powerLost } from './data-centre.ts';
import type { SimProcess } from './process.ts';
import { createRandom, type Random } from './random.ts';
import type { Trouble } from './run.ts';
import type { EventFate, Exchange, Fate, Fates } from './wire.ts';

/** What goes wrong for a while with what one process, or each, sends and hears. */
interface Spell {
  readonly untilMs: number;
  readonly process: SimProcess | undefined;
  readonly to: Exchange['to'] | undefined;
  readonly call?: (random: Random) => Fate;
  readonly event?: (random: Random) => EventFate;
  readonly cuts?: boolean;
}

/** The state of one run's faults. */
interface Chaos {
  readonly cloud: SimCloud;
  readonly random: Random;
  readonly spells: Spell[];
  /** Streams that will be told that their past is forgotten. */
  readonly forgotten: Set<string>;
}

type Fault = (chaos: Chaos) => void;

/** For so long a host is without power at most: nobody takes it for dead. */
const BLACKOUT_MS = 20_000;
const LONGEST_MS = 90_000;
/** When every spell is over. */
const OVER_MS = 140_000;

const alive = ({ cloud }: Chaos): readonly SimProcess[] => cloud.processes.filter((process) => process.alive);

function somebody(chaos: Chaos): SimProcess | undefined {
  const living = alive(chaos);
  return living.length === 0 || chaos.random.chance(0.25) ? undefined : chaos.random.pick(living);
}

function cast(chaos: Chaos, mostMs: number, spell: Omit<Spell, 'untilMs' | 'process'>): void {
  const untilMs = chaos.cloud.timeline.now() + chaos.random.between(1_000, mostMs);
  chaos.spells.push({ ...spell, untilMs, process: somebody(chaos) });
}

const lossy =
  (probability: number) =>
  (random: Random): Fate => {
    if (!random.chance(probability)) return {};
    return random.pick<Fate>([
      { loses: 'request' },
      { loses: 'answer' },
      { twice: true },
      { thereMs: random.between(0, 5_000) },
      { backMs: random.between(0, 5_000) },
    ]);
  };

const breaking =
  (probability: number) =>
  (random: Random): EventFate =>
    random.chance(probability) ? { breaks: random.pick(['resumed', 'forgotten'] as const) } : {};

const FAULTS: readonly Fault[] = [
  (chaos) => {
    const living = alive(chaos);
    if (living.length > 0) chaos.random.pick(living).kill();
  },
  (chaos) => {
    const living = alive(chaos);
    if (living.length === 0) return;
    const process = chaos.random.pick(living);
    process.pause();
    chaos.cloud.timeline.after(chaos.random.between(0.5, 3) * LEASE_MS, () => {
      process.resume();
    });
  },
  (chaos) => {
    cast(chaos, 40_000, { to: 'api', cuts: true });
  },
  (chaos) => {
    cast(chaos, 40_000, { to: 'driver', cuts: true });
  },
  (chaos) => {
    cast(chaos, 20_000, { to: chaos.random.pick(['api', 'driver'] as const), call: lossy(chaos.random.between(0.05, 0.4)) });
  },
  (chaos) => {
    cast(chaos, 30_000, { to: chaos.random.pick(['api', 'driver'] as const), event: (random) => ({ lagMs: random.between(0, 20_000) }) });
  },
  (chaos) => {
    cast(chaos, 30_000, { to: chaos.random.pick(['api', 'driver'] as const), event: breaking(chaos.random.between(0.05, 0.5)) });
  },
  ({ cloud }) => {
    cloud.restartApi();
  },
  ({ cloud }) => {
    cloud.restartDriver();
  },
  ({ cloud, random }) => {
    const host = random.pick(hostNames(cloud));
    powerLost(cloud, host);
    cloud.timeline.after(random.between(0, BLACKOUT_MS), () => {
      powerBack(cloud, host);
    });
  },
  ({ cloud }) => {
    if (cloud.processes.length < 6) cloud.start();
  },
];

function meets({ process, to, untilMs }: Spell, exchange: Exchange, nowMs: number): boolean {
  return nowMs < untilMs && (process === undefined || process === exchange.process) && (to === undefined || to === exchange.to);
}

function fatesOf(chaos: Chaos): Fates {
  const { cloud, random, spells, forgotten } = chaos;
  const met = (exchange: Exchange): readonly Spell[] => spells.filter((spell) => meets(spell, exchange, cloud.timeline.now()));
  const streamOf = ({ process, what }: Exchange): string => `${process.name} ${what}`;
  return {
    of: (exchange) => met(exchange).reduce<Fate>((fate, { call }) => ({ ...fate, ...call?.(random) }), {}),
    ofEvent(exchange) {
      const fate = met(exchange).reduce<EventFate>((all, { event }) => ({ ...all, ...event?.(random) }), {});
      if (fate.breaks === 'forgotten') forgotten.add(streamOf(exchange));
      return fate;
    },
    cut: (exchange) => met(exchange).some(({ cuts }) => cuts === true),
    forgot: (exchange) => forgotten.delete(streamOf(exchange)),
  };
}

/** As many faults as the seed draws, at the moments that it draws, in the first minute and a half of a story. */
export function chaosOf(seed: number): Trouble {
  const random = createRandom(seed ^ 0xc4a05);
  let beganMs = 0;
  return {
    begin(cloud) {
      const chaos: Chaos = { cloud, random, spells: [], forgotten: new Set() };
      beganMs = cloud.timeline.now();
      for (let left = 1 + random.below(8); left > 0; left -= 1) {
        const fault = random.pick(FAULTS);
        cloud.timeline.after(random.between(0, LONGEST_MS), () => {
          fault(chaos);
        });
      }
      return fatesOf(chaos);
    },
    end: (cloud) => cloud.user.sleep(Math.max(0, beganMs + OVER_MS - cloud.timeline.now())),
  };
}
