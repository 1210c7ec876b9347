import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { getFileInfo } from 'prettier';
import { drift } from './generate.ts';
import { complaintsAbout, HOUSE_RULES } from './house.ts';
import { loadedTooEarly, type CruisedModule } from './on-demand.ts';
import { ROOT, run, tool } from './run.ts';
import { sourceFiles } from './source-files.ts';

/** What one checker saw and thinks of it. */
export interface Verdict {
  readonly complaints: string;
  /** How much it looked at; a count of zero means that it saw nothing and proves nothing. */
  readonly covered: Readonly<Record<string, number>>;
}

/** One checker of `npm run check`. */
export interface Checker {
  readonly name: string;
  check(options: { readonly fix: boolean }, signal: AbortSignal): Promise<Verdict>;
}

const ROOMS = ['apis', 'server', 'client', 'controllers', 'drivers', 'cmd', 'test', 'hack', 'bench'];
const CACHE = 'node_modules/.cache';

/** Why a program gave no answer to read; tools are silent where all is well, so this stands only for their failure. */
function saidBy(
  name: string,
  { code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string },
): string {
  return `${name} ended with ${code} and said:\n${(stdout + stderr).slice(0, 4_000)}`;
}

const prettier: Checker = {
  name: 'prettier',
  async check({ fix }, signal) {
    const infos = await Promise.all(
      (await sourceFiles(signal)).map(async (file) => ({
        file,
        ...(await getFileInfo(join(ROOT, file), { ignorePath: join(ROOT, '.prettierignore') })),
      })),
    );
    const files = infos.filter(({ ignored, inferredParser }) => !ignored && inferredParser !== null).map(({ file }) => file);
    const mode = fix ? '--write' : '--list-different';
    const ended = await run(tool('prettier'), [mode, ...files], {}, signal);
    const complaints = ended.code === 0 ? '' : `${ended.stdout}${ended.stderr}Format with: npm run check -- --fix`;
    return { complaints, covered: { files: files.length } };
  },
};

const tsc: Checker = {
  name: 'tsc',
  async check(_options, signal) {
    const args = ['-p', '.', '--incremental', '--tsBuildInfoFile', `${CACHE}/tsc/tsconfig.tsbuildinfo`, '--listFiles', '--pretty', 'false'];
    const ended = await run(tool('tsc'), args, {}, signal);
    const lines = ended.stdout.split('\n');
    const isListed = (line: string) => line.startsWith('/') && !line.includes('): error TS');
    const own = lines.filter((line) => line.startsWith(`${ROOT}/`) && isListed(line) && !line.includes('/node_modules/'));
    const errors = lines.filter((line) => line !== '' && !isListed(line)).join('\n');
    return { complaints: ended.code === 0 ? '' : errors || saidBy('tsc', ended), covered: { files: own.length } };
  },
};

interface LintedFile {
  readonly filePath: string;
  readonly messages: readonly {
    readonly line?: number;
    readonly column?: number;
    readonly message: string;
    readonly ruleId: string | null;
  }[];
}

const eslint: Checker = {
  name: 'eslint',
  async check({ fix }, signal) {
    const cache = ['--cache', '--cache-strategy', 'content', '--cache-location', `${CACHE}/eslint/`];
    // With types, a file may be wrong because another changed: only a whole run counts in CI.
    const args = ['--format', 'json', '--max-warnings', '0', ...(process.env.CI === 'true' ? [] : cache), ...(fix ? ['--fix'] : []), '.'];
    const ended = await run(tool('eslint'), args, {}, signal);
    if (!ended.stdout.startsWith('[')) return { complaints: saidBy('eslint', ended), covered: { files: 0 } };
    const files = JSON.parse(ended.stdout) as LintedFile[];
    const lines = files.flatMap(({ filePath, messages }) =>
      messages.map(
        ({ line, column, message, ruleId }) =>
          `${filePath.slice(ROOT.length + 1)}:${line ?? 0}:${column ?? 0}: ${message} (${ruleId ?? 'eslint'})`,
      ),
    );
    const complaints = ended.code === 0 ? '' : lines.join('\n') || saidBy('eslint', ended);
    return { complaints, covered: { files: files.length } };
  },
};

interface Cruise {
  readonly modules: readonly CruisedModule[];
  readonly summary: {
    readonly totalCruised: number;
    readonly totalDependenciesCruised: number;
    readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { readonly name: string } }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string; readonly comment: string }[] };
  };
}

const dependencyCruiser: Checker = {
  name: 'dependency-cruiser',
  async check(_options, signal) {
    const rooms = ROOMS.filter((room) => existsSync(join(ROOT, room)));
    const ended = await run(tool('depcruise'), ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...rooms], {}, signal);
    if (!ended.stdout.startsWith('{')) return { complaints: saidBy('dependency-cruiser', ended), covered: { modules: 0 } };
    const { modules, summary } = JSON.parse(ended.stdout) as Cruise;
    const why = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
    const lines = summary.violations.map(({ from, to, rule }) => `${from} -> ${to}: ${rule.name}: ${why.get(rule.name) ?? ''}`);
    const complaints = [...lines, ...loadedTooEarly(modules)].join('\n');
    const own = modules.filter(({ source }) => !/node_modules|^node:/.test(source)).length;
    return { complaints, covered: { modules: own, dependencies: summary.totalDependenciesCruised, rules: why.size } };
  },
};

const knip: Checker = {
  name: 'knip',
  async check(_options, signal) {
    const ended = await run(tool('knip'), ['--reporter', './hack/knip-reporter.ts', '--no-progress', '--no-config-hints'], {}, signal);
    const lines = ended.stdout.trimEnd().split('\n');
    const last = lines.pop() ?? '';
    if (!last.startsWith('{')) return { complaints: saidBy('knip', ended), covered: { files: 0 } };
    const { processed } = JSON.parse(last) as { processed: number };
    return { complaints: ended.code === 0 ? '' : lines.join('\n') || saidBy('knip', ended), covered: { files: processed } };
  },
};

const house: Checker = {
  name: 'house',
  async check(_options, signal) {
    const paths = (await sourceFiles(signal)).filter((path) => /\.(m?[jt]s|sh)$/.test(path));
    const files = await Promise.all(
      paths.map(async (path) => ({ path, text: await readFile(join(ROOT, path), { encoding: 'utf8', signal }) })),
    );
    return { complaints: complaintsAbout(files).join('\n'), covered: { files: files.length, rules: HOUSE_RULES.length } };
  },
};

const generated: Checker = {
  name: 'generated',
  async check(_options, signal) {
    const { stale, files } = await drift(signal);
    const complaints = stale.length === 0 ? '' : `${stale.join('\n')}\nGenerate with: npm run generate`;
    return { complaints, covered: { files } };
  },
};

/** The whole static truth, the slowest first. */
export const CHECKERS: readonly Checker[] = [eslint, tsc, knip, dependencyCruiser, prettier, generated, house];
