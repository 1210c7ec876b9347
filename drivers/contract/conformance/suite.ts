import { expect } from 'expect';
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
import { DoesNotApply } from './rig.ts';
import type { Rig } from './rig.ts';
import { sessionChecks } from './session-checks.ts';
import type { Subject } from './subject.ts';
import { watchChecks } from './watch-checks.ts';

/** What every driver must hold, by what it is about. */
export const GROUPS: Readonly<Record<string, readonly Check[]>> = {
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

/** How long one check may take. */
export const CHECK_MS = 30_000;

/** What every driver must hold, by title. */
export const CHECKS: readonly Check[] = Object.values(GROUPS).flat();

/** Whether the sentence says anything of this driver. */
async function applies({ capability, category }: Check, rig: Rig): Promise<boolean> {
  const categories = await rig.categories();
  if ([category ?? []].flat().some((needed) => !categories.includes(needed))) return false;
  if (capability === undefined) return true;
  const declared: readonly string[] = await rig.driver.identity.getCapabilities(rig.signal);
  return declared.includes(capability);
}

/** Runs one check, and takes away what it made. False: it says nothing of this driver. Rejects where what it says is not so. */
export async function runCheck(check: Check, subject: Subject, rig: Rig): Promise<boolean> {
  if (!(await applies(check, rig))) return false;
  if (check.hook !== undefined && subject[check.hook] === undefined)
    throw new Error(`the subject cannot ${check.hook}: list this check as skipped, with the reason`);
  try {
    await check.run(rig);
    return true;
  } catch (error) {
    if (error instanceof DoesNotApply) return false;
    throw error;
  } finally {
    await subject.heal?.();
    await rig.cleanUp();
  }
}

/** Rejects where something is left that the checks made. */
export async function checkNothingLeft(rig: Rig): Promise<void> {
  for (const category of await rig.categories()) {
    if (category === 'power') continue;
    const things = await rig[category].list(await rig.look(category), rig.signal);
    expect(things.filter(({ owner, released }) => owner !== undefined && !released)).toEqual([]);
  }
}

/** Titles that are listed as skipped and are no check's. */
export function strangersIn(skip: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(skip).filter((title) => !CHECKS.some((check) => check.title === title));
}
