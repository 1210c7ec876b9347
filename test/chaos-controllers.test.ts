import { runChaos, type ChaosOptions, type ChaosReport } from './chaos/run.ts';
import { requires } from './prerequisites.ts';

/** Each hour's CI tries another. */
const SEED = Math.floor(Date.now() / 3_600_000) % 100_000;
const SECONDS = 120;
/** `node hack/chaos-controllers.ts` has the same where it is told nothing else. */
const COMMON = { podsPerZone: 20, vms: 60, boundSeconds: 180, quietSeconds: 8, calmMs: 3_000 };

requires('etcd', 'openssl')('three controllers, two API servers and a driver a zone', () => {
  const said: string[] = [];

  async function played(options: Pick<ChaosOptions, 'seconds' | 'pauses' | 'leaseSeconds'>): Promise<ChaosReport> {
    said.length = 0;
    try {
      return await runChaos({ ...COMMON, seed: SEED, ...options }, (sentence) => said.push(sentence), new AbortController().signal);
    } catch (error) {
      throw new Error(said.join('\n'), { cause: error });
    }
  }

  test(`keep what is declared through faults (node hack/chaos-controllers.ts --seed ${SEED} --seconds ${SECONDS})`, async () => {
    const { violations, ...figures } = await played({ seconds: SECONDS, pauses: 0, leaseSeconds: 3 });
    expect(violations).toEqual([]);
    expect(figures.faults).toBeGreaterThan(5);
    expect(figures.terms).toBeGreaterThan(3);
    expect(figures.effects).toMatchObject({ start: expect.any(Number) as number, stop: expect.any(Number) as number });
  }, 450_000);
});
