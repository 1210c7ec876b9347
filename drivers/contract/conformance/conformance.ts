import { createRigs } from './rig.ts';
import type { Rig } from './rig.ts';
import type { Subject } from './subject.ts';
import { CHECK_MS, checkNothingLeft, GROUPS, runCheck, strangersIn } from './suite.ts';

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
      expect(strangersIn(skip)).toEqual([]);
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
      if (rigs === undefined) throw new Error('the driver did not start');
      await checkNothingLeft(rigs());
    });
  });
}
