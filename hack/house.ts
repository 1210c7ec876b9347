/** A source file as the house sees it. */
export interface SourceFile {
  /** Below the project's folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

interface HouseRule {
  /** What is wrong, as a sentence that a reader can act on. */
  readonly says: string;
  /** The files it is about. */
  readonly about: RegExp;
  readonly except?: RegExp;
  /** The lines (from 1) that break it; 0 stands for the file itself. */
  readonly broken: (file: SourceFile) => readonly number[];
}

const CODE = /\.(ts|mts|mjs|sh)$/;
const TYPESCRIPT = /\.m?ts$/;
const TESTS = /(\.test\.ts$|^test\/|conformance)/;
/** The one place where a test may be skipped: for a program that the machine lacks. */
const SKIP_HELPER = /^test\/prerequisites\.ts$/;
const SHIPPED = /^(apis|server|client|controllers|drivers)\/.*\.ts$/;
const MAX_LINES = 400;
const MAX_PLAN_LINES = 150;

const linesWith = (pattern: RegExp) => (file: SourceFile) =>
  file.text.split('\n').flatMap((line, at) => (pattern.test(line) ? [at + 1] : []));
const wholeFile = (broken: (file: SourceFile) => boolean) => (file: SourceFile) => (broken(file) ? [0] : []);
const lengthOf = ({ text }: SourceFile) => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Lines of exported functions and classes that no doc comment stands above; overloads share the first one's. */
function undocumented({ text }: SourceFile): readonly number[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const named = /^export (?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
    if (named === undefined || (lines[at - 1] ?? '').trimEnd().endsWith('*/')) return [];
    return lines.slice(0, at).some((earlier) => earlier.startsWith(`export function ${named}`)) ? [] : [at + 1];
  });
}

/** The rules of the house that neither the compiler nor eslint nor dependency-cruiser can say. */
export const HOUSE_RULES: readonly HouseRule[] = [
  {
    says: 'name the file in kebab-case',
    about: CODE,
    broken: wholeFile(({ path }) => !/^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(baseName(path))),
  },
  {
    says: 'name the folder in kebab-case',
    about: CODE,
    broken: wholeFile(({ path }) =>
      path
        .split('/')
        .slice(0, -1)
        .some((folder) => !/^\.?[a-z0-9]+(-[a-z0-9]+)*$/.test(folder)),
    ),
  },
  { says: `split the file: it has more than ${MAX_LINES} lines`, about: CODE, broken: wholeFile((file) => lengthOf(file) > MAX_LINES) },
  {
    says: `split the plan by stage: it has more than ${MAX_PLAN_LINES} lines`,
    about: /^controllers\/[^/]+\/plan(\.ts|\/.*\.ts)$/,
    except: TESTS,
    broken: wholeFile((file) => lengthOf(file) > MAX_PLAN_LINES),
  },
  { says: 'no barrels: take index.ts away', about: /(^|\/)index\.m?[jt]s$/, broken: wholeFile(() => true) },
  {
    says: 'no drawers: name the thing for what it is, not utils, helpers or common',
    about: /(^|\/)(utils?|helpers?|commons?)(\/|\.m?[jt]s$)/,
    broken: wholeFile(() => true),
  },
  {
    says: 'do it, or open an issue: no TODO in the tree',
    about: CODE,
    except: /^hack\/house(\.test)?\.ts$/,
    broken: linesWith(/\b(TODO|FIXME|XXX)\b/),
  },
  {
    says: 'no .only, .skip, .todo or .failing: a test runs, or test/prerequisites.ts says by name why it cannot',
    about: TYPESCRIPT,
    except: new RegExp(`${SKIP_HELPER.source}|^hack/house\\.test\\.ts$`),
    broken: (file) =>
      TESTS.test(file.path)
        ? linesWith(/\b(describe|test|it)(\.each|\.concurrent)?\.(only|skip|todo|failing)\b|\b(fdescribe|fit|xdescribe|xtest|xit)\(/)(file)
        : [],
  },
  {
    says: 'no silenced checker: mend the code',
    about: CODE,
    except: /^hack\/house(\.test)?\.ts$/,
    broken: linesWith(/@ts-(ignore|nocheck|expect-error)|prettier-ignore|eslint-disable|depcruise-ignore/),
  },
  { says: 'say in one sentence what it promises (/** ... */ above it)', about: SHIPPED, except: TESTS, broken: undocumented },
];

/** What is wrong in the house, one sentence a line, each with its place. */
export function complaintsAbout(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) =>
    HOUSE_RULES.filter(({ about, except }) => about.test(file.path) && except?.test(file.path) !== true).flatMap(({ says, broken }) =>
      broken(file).map((line) => `${file.path}${line === 0 ? '' : `:${line}`}: ${says}`),
    ),
  );
}
