import { complaintsAbout, HOUSE_RULES } from './house.ts';

const lines = (count: number) => 'Number(1);\n'.repeat(count);

const broken: readonly (readonly [says: string, path: string, text: string])[] = [
  ['kebab-case', 'server/store/sqliteStore.ts', ''],
  ['folder in kebab-case', 'server/Store/sqlite.ts', ''],
  ['more than 400 lines', 'server/store/long.ts', lines(401)],
  ['more than 150 lines', 'controllers/volume/plan.ts', lines(151)],
  ['more than 150 lines', 'controllers/host/plan/joining.ts', lines(151)],
  ['no barrels', 'client/index.ts', ''],
  ['no drawers', 'client/utils/it.ts', ''],
  ['no drawers', 'client/helpers.ts', ''],
  ['no drawers', 'server/common/it.ts', ''],
  ['no TODO', 'client/list.ts', '// TODO: later\n'],
  ['no .only', 'client/list.test.ts', "test.only('it', () => {});\n"],
  ['no .only', 'test/story.test.ts', "describe.skip.each(rows)('it', () => {});\n"],
  ['no .only', 'server/store/conformance.ts', "xit('it', () => {});\n"],
  ['silenced', 'client/list.ts', '// eslint-disable-next-line\n'],
  ['silenced', 'client/list.ts', '// @ts-expect-error\n'],
  ['one sentence', 'client/list.ts', 'export function list(): void {}\n'],
  ['one sentence', 'client/list.ts', '/** A list. */\nexport class List {}\nexport class Other {}\n'],
];

const sound: readonly (readonly [why: string, path: string, text: string])[] = [
  ['a file of 400 lines', 'server/store/long.ts', lines(400)],
  ['a plan of 150 lines', 'controllers/volume/plan.ts', lines(150)],
  ['a long table of plan tests', 'controllers/volume/plan.test.ts', lines(300)],
  ['dotted names', '.dependency-cruiser.mjs', ''],
  ['the one place that skips', 'test/prerequisites.ts', 'describe.skip(title, body);\n'],
  [
    'overloads share a comment',
    'client/list.ts',
    '/** A list. */\nexport function list(): void;\nexport function list(all?: boolean): void {}\n',
  ],
  ['a word that only looks like a mark', 'client/list.ts', 'export const TODOS = 1;\n'],
];

describe('the house', () => {
  test.each(broken)('a file that is wrong is named, with what to do: %s (%s)', (says, path, text) => {
    const complaints = complaintsAbout([{ path, text }]);
    expect(complaints.filter((complaint) => complaint.startsWith(path) && complaint.includes(says))).toHaveLength(1);
  });

  test.each(sound)('nothing is wrong with %s (%s)', (_why, path, text) => {
    expect(complaintsAbout([{ path, text }])).toEqual([]);
  });

  test('each rule has a file that breaks it', () => {
    const said = broken.flatMap(([, path, text]) => complaintsAbout([{ path, text }]));
    expect(HOUSE_RULES.filter(({ says }) => !said.some((complaint) => complaint.endsWith(says)))).toEqual([]);
  });

  test('a complaint names the line', () => {
    expect(complaintsAbout([{ path: 'client/list.ts', text: '\n// FIXME\n' }])).toEqual([expect.stringMatching(/^client\/list\.ts:2: /)]);
  });
});
