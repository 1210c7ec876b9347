import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { plants } from './plants.ts';

interface Rule {
  readonly name: string;
  readonly comment: string;
}

interface Cruise {
  readonly violations: readonly { readonly rule: string; readonly from: string }[];
  readonly rules: readonly Rule[];
}

const project = join(import.meta.dirname, '../..');
const packages = ['zod', 'express', 'etcd3', '@kubernetes/client-node', '@grpc/grpc-js', '@bufbuild/protobuf', 'fast-check', 'undeclared'];
const manifest = {
  type: 'module',
  dependencies: Object.fromEntries(packages.filter((name) => !['fast-check', 'undeclared'].includes(name)).map((name) => [name, '*'])),
  devDependencies: { 'fast-check': '*' },
};

/** Writes the plants and everything they import as a small project of the same layout. */
async function plant(root: string): Promise<void> {
  const files = new Map<string, string>([['package.json', JSON.stringify(manifest)]]);
  for (const name of packages) {
    files.set(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', type: 'module', main: 'index.js' }));
    files.set(`node_modules/${name}/index.js`, 'export const it = 1;\n');
  }
  for (const { files: planted } of plants) for (const [path, text] of Object.entries(planted)) files.set(path, text);
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await symlink(join(project, '.dependency-cruiser.mjs'), join(root, '.dependency-cruiser.mjs'));
}

async function cruise(root: string): Promise<Cruise> {
  const program = join(project, 'node_modules/.bin/depcruise');
  const args = [program, '--config', '.dependency-cruiser.mjs', '--output-type', 'json'];
  const rooms = ['apis', 'server', 'client', 'controllers', 'drivers', 'cmd', 'test', 'hack'];
  // It exits with the number of violations, and there are many here.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...args, ...rooms], { cwd: root, maxBuffer: 64 << 20 }).catch(
    (error: unknown) => error as { stdout: string; stderr: string },
  );
  if (stdout === '') throw new Error(`dependency-cruiser said: ${stderr}`);
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { rule: { name: string }; from: string }[]; ruleSetUsed: { forbidden: Rule[] } };
  };
  return { violations: summary.violations.map(({ rule, from }) => ({ rule: rule.name, from })), rules: summary.ruleSetUsed.forbidden };
}

describe('the import rules', () => {
  let root = '';
  let violations: Cruise['violations'] = [];
  let rules: Cruise['rules'] = [];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lenticular-imports-'));
    await plant(root);
    ({ violations, rules } = await cruise(root));
  }, 60_000);
  afterAll(() => rm(root, { recursive: true, force: true }));

  test('each rule has a planted violation, and no plant names a rule that is gone', () => {
    expect([...new Set(plants.flatMap(({ rule }) => rule ?? []))].sort()).toEqual(rules.map(({ name }) => name).sort());
  });

  test('each rule says why in one sentence', () => {
    for (const { name, comment } of rules) expect([name, comment]).toEqual([name, expect.stringMatching(/^.{10,}\.$/)]);
  });

  test('no file is planted twice, so no plant hides another', () => {
    const paths = plants.flatMap(({ files }) => Object.keys(files));
    expect(paths.filter((path, at) => paths.indexOf(path) !== at)).toEqual([]);
  });

  test.each(plants.filter(({ rule }) => rule !== undefined))('$rule is caught: $why', ({ rule, files }) => {
    const caught = violations.filter(({ from }) => from in files).map((violation) => violation.rule);
    expect([...new Set(caught)]).toEqual([rule]);
  });

  test.each(plants.filter(({ rule }) => rule === undefined))('it is allowed that $why', ({ files }) => {
    expect(violations.filter(({ from }) => from in files)).toEqual([]);
  });
});
