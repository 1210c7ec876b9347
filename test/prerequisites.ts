import { PREREQUISITES, type Need, type Prerequisite } from '../hack/programs.ts';

type Describe = (title: string, body: () => void) => void;

/** The path of something that the machine must have; throws what to do where it has not. */
export function pathOf(need: Need): string {
  const { find, remedy }: Prerequisite = PREREQUISITES[need];
  const path = find();
  if (path === undefined) throw new Error(`the test needs ${need}: ${remedy}`);
  return path;
}

/**
 * `describe` for tests that need more than Node: the same where the machine has it all. Where it lacks something the tests are skipped,
 * and the title says why; with CI=true nothing may be skipped, and one failing test says it instead.
 */
export function requires(...needs: readonly Need[]): Describe {
  const lacking = needs.filter((need) => PREREQUISITES[need].find() === undefined);
  if (lacking.length === 0) return describe;
  const why = lacking.map((need) => `${need} (${remedyFor(need)})`).join(', ');
  if (process.env.CI === 'true') {
    return (title) => {
      describe(title, () => {
        test(`runs in CI: the machine lacks ${lacking.join(', ')}`, () => {
          throw new Error(`CI=true skips nothing, and this machine lacks ${why}`);
        });
      });
    };
  }
  return (title, body) => {
    describe.skip(`${title}, skipped without ${why}`, body);
  };
}

function remedyFor(need: Need): string {
  const { debian, remedy }: Prerequisite = PREREQUISITES[need];
  return debian === undefined ? remedy : `${remedy}; on Debian: apt-get install ${debian}`;
}
