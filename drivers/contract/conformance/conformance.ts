import { adoptionChecks } from './adoption-checks.ts';
import { beatChecks } from './beat-checks.ts';
import type { Check } from './check.ts';
import { diskChecks } from './disk-checks.ts';
import { faultChecks } from './fault-checks.ts';
import { fenceChecks } from './fence-checks.ts';
import { leaseChecks } from './lease-checks.ts';
import { machineChecks } from './machine-checks.ts';
import { nameChecks } from './name-checks.ts';
import { operationChecks } from './operation-checks.ts';
import { powerChecks } from './power-checks.ts';
import { createRigs, DoesNotApply } from './rig.ts';
import type { Rig } from './rig.ts';
import { sessionChecks } from './session-checks.ts';
import type { Subject } from './subject.ts';
import { watchChecks } from './watch-checks.ts';

const GROUPS: Readonly<Record<string, readonly Check[]>> = {
  'who it is and its endpoints': sessionChecks,
  machines: machineChecks,
  disks: diskChecks,
  operations: operationChecks,
  power: powerChecks,
  leases: leaseChecks,
  adoption: adoptionChecks,
  fences: fenceChecks,
  names: nameChecks,
  hints: watchChecks,
  heartbeats: beatChecks,
  faults: faultChecks,
};

const CHECK_MS = 30_000;

/** What every driver must hold, by title. */
export const CHECKS: readonly Check[] = Object.values(GROUPS).flat();

async function runCheck(check: Check, subject: Subject, rig: Rig): Promise<void> {
  if (check.capability !== undefined) {
    const declared: readonly string[] = await subject.driver.identity.getCapabilities(rig.signal);
    if (!declared.includes(check.capability)) return;
  }
  if (check.category !== undefined) {
    const { categories } = await subject.driver.identity.getInfo(rig.signal);
    if (!categories.includes(check.category)) return;
  }
  if (check.hook !== undefined && subject[check.hook] === undefined) {
    throw new Error(`the subject cannot ${check.hook}: list this check as skipped, with the reason`);
  }
  try {
    await check.run(rig);
  } catch (error) {
    if (!(error instanceof DoesNotApply)) throw error;
  } finally {
    await subject.heal?.();
    await rig.cleanUp();
  }
}

/**
 * Describes the suite that every driver must pass. `start` gives a driver with an empty world; `skip` lists what it cannot do, by title,
 * each with the reason. A title that is no check's fails.
 */
export function driverConformance(
  name: string,
  start: () => Promise<Subject>,
  { skip = {} }: { readonly skip?: Readonly<Record<string, string>> } = {},
): void {
  describe(`the driver ${name} conforms`, () => {
    let subject: Subject | undefined;
    let rigs: (() => Rig) | undefined;

    beforeAll(async () => {
      subject = await start();
      rigs = createRigs(subject, `c${subject.clock.now().toString(36)}`);
    }, CHECK_MS);

    afterAll(async () => subject?.stop(), CHECK_MS);

    test(`says what it cannot do: ${
      Object.entries(skip)
        .map(([title, reason]) => `${title} (${reason})`)
        .join('; ') || 'nothing'
    }`, () => {
      expect(Object.keys(skip).filter((title) => !CHECKS.some((check) => check.title === title))).toEqual([]);
    });

    describe.each(Object.entries(GROUPS))('%s', (_group, checks) => {
      for (const check of checks) {
        if (skip[check.title] !== undefined) continue;
        test(
          check.title,
          async () => {
            if (subject === undefined || rigs === undefined) throw new Error('the driver did not start');
            await runCheck(check, subject, rigs());
          },
          CHECK_MS,
        );
      }
    });

    test('nothing that the suite made is left', async () => {
      const rig = rigs?.();
      if (rig === undefined) throw new Error('the driver did not start');
      for (const category of await rig.categories()) {
        if (category === 'power') continue;
        const things = await rig[category].list(await rig.look(category), rig.signal);
        expect(things.filter(({ owner, released }) => owner !== undefined && !released)).toEqual([]);
      }
    });
  });
}
