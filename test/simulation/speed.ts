import { openSimCloud } from './cloud.ts';
import { NO_TROUBLE, runUntilEnded, settle } from './run.ts';
import { CLOUD, isReady, userOf, vm, volume } from './scenario.ts';
import { trySeed } from './try-seed.ts';

/** How many times faster than the real clock: simulated by real ms. */
export interface Speed {
  readonly simulatedMs: number;
  readonly realMs: number;
  readonly factor: number;
}

const HOUR_MS = 3_600_000;

function speedOf(simulatedMs: number, realMs: number): Speed {
  return { simulatedMs, realMs, factor: simulatedMs / realMs };
}

/** A cloud with a running VM in which nothing happens for some hours. */
export async function idleSpeed(hours: number, clock: () => number): Promise<Speed> {
  const cloud = await openSimCloud(1);
  try {
    cloud.start();
    const user = userOf(cloud);
    const declarations = [...CLOUD, volume('root'), vm('vm-1', { disks: [{ name: 'root', volume: 'root' }] })];
    const make = async (): Promise<void> => {
      for (const declaration of declarations) await user.create(declaration);
      for (const { kind, name } of declarations) await user.until(kind, name, isReady);
    };
    await runUntilEnded(cloud, make(), HOUR_MS);
    cloud.suffer(NO_TROUBLE.begin(cloud));
    await settle(cloud, HOUR_MS, 10_000);
    const beganMs = clock();
    await cloud.timeline.run(() => false, cloud.timeline.now() + hours * HOUR_MS);
    return speedOf(hours * HOUR_MS, clock() - beganMs);
  } finally {
    await cloud.close();
  }
}

/** Random stories with faults, their preparation and their silence at the end included. */
export async function loadSpeed(seeds: number, clock: () => number): Promise<Speed> {
  const beganMs = clock();
  let simulatedMs = 0;
  for (let seed = 1; seed <= seeds; seed += 1) simulatedMs += (await trySeed(seed)).outcome.simulatedMs;
  return speedOf(simulatedMs, clock() - beganMs);
}
