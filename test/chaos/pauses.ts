import { isAborted } from '../../apis/meta/aborted.ts';
import { realClock } from '../programs/clock.ts';
import type { Random } from '../simulation/random.ts';
import type { ChaosCloud, Controllers } from './cloud.ts';
import type { Watch } from './watch.ts';

export interface PausesOptions {
  readonly random: Random;
  readonly leaseMs: number;
  readonly pauses: number;
  readonly zones: readonly string[];
}

const LOOK_MS = 50;
/** Long enough for a new leader to be at work before it is paused too. */
const CALM_MS = 1_500;

/** The process that leads a zone, as soon as one does. */
async function leaderOf({ controllers }: ChaosCloud, watch: Watch, zone: string, signal: AbortSignal): Promise<Controllers> {
  while (!isAborted(signal)) {
    const holder = watch.holderOf(`shard-${zone}`);
    const found = controllers.find((each) => each.holds(holder));
    if (found !== undefined) return found;
    await realClock.sleep(LOOK_MS, signal);
  }
  throw new Error('the run has ended');
}

/** Stops the leader of one zone or the other for 0.5 to 3 lease times, so often; resolves with that number when the last goes on. */
export async function playPauses(
  cloud: ChaosCloud,
  watch: Watch,
  { random, leaseMs, pauses, zones }: PausesOptions,
  tell: (sentence: string) => void,
  signal: AbortSignal,
): Promise<number> {
  for (let at = 1; at <= pauses; at += 1) {
    const zone = random.pick(zones);
    const ms = leaseMs * random.between(0.5, 3);
    const calmMs = random.between(0, CALM_MS);
    const leader = await leaderOf(cloud, watch, zone, signal);
    leader.pause();
    await realClock.sleep(ms, signal).finally(() => {
      leader.resume();
    });
    tell(
      `pause ${at} of ${pauses}: ${leader.name}, the leader of ${zone}, for ${(ms / 1000).toFixed(2)} s; now ${watch.holderOf(`shard-${zone}`)}`,
    );
    await realClock.sleep(calmMs, signal);
  }
  return pauses;
}
