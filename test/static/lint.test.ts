import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** One line of code, and the rule that catches it; without a rule it must stay allowed. */
type Plant = readonly [line: string, rule?: string];

const project = join(import.meta.dirname, '../..');

const deciders = [
  'apis/meta/quantity.ts',
  'controllers/volume/plan.ts',
  'controllers/host/plan-joining.ts',
  'controllers/host/plan/leaving.ts',
  'controllers/vm/schedule.ts',
  'controllers/runtime/plan.ts',
];
const impure: readonly Plant[] = [
  ['export const at = () => Date.now();', 'no-restricted-globals'],
  ['export const at = (text: string) => new Date(text);', 'no-restricted-globals'],
  ['export const chance = () => Math.random();', 'no-restricted-properties'],
  ['export const id = () => crypto.randomUUID();', 'no-restricted-globals'],
  ['export const at = () => performance.now();', 'no-restricted-globals'],
  ['export const later = (go: () => void) => setTimeout(go, 1);', 'no-restricted-globals'],
  ['export const often = (go: () => void) => setInterval(go, 1);', 'no-restricted-globals'],
  ['export const soon = (go: () => void) => setImmediate(go);', 'no-restricted-globals'],
  ['export const next = (go: () => void) => queueMicrotask(go);', 'no-restricted-globals'],
  ["export const get = () => fetch('http://127.0.0.1');", 'no-restricted-globals'],
  ['export const id = () => process.pid;', 'no-restricted-globals'],
  ["export const say = () => console.log('');", 'no-restricted-globals'],
  ['export const at = () => globalThis.Date.now();', 'no-restricted-globals'],
  ["export { readFileSync } from 'node:fs';", 'no-restricted-imports'],
  ["export { readFile } from 'node:fs/promises';", 'no-restricted-imports'],
  ["export { randomUUID } from 'crypto';", 'no-restricted-imports'],
  ["export const load = () => import('./other.ts');", 'no-restricted-syntax'],
];

const shipped: readonly Plant[] = [
  ['export const home = () => process.env.HOME;', 'no-restricted-properties'],
  ['export const words = () => process.argv;', 'no-restricted-properties'],
  ['export const end = () => process.exit(1);', 'no-restricted-properties'],
  ['export const end = () => { process.exitCode = 1; };', 'no-restricted-properties'],
  ["export { env } from 'node:process';", 'no-restricted-imports'],
  ["export { setTimeout } from 'node:timers/promises';", 'no-restricted-imports'],
  ["export { performance } from 'node:perf_hooks';", 'no-restricted-imports'],
  ['export const at = () => Date.now();', 'no-restricted-syntax'],
  ['export const at = () => new Date();', 'no-restricted-syntax'],
  ['export const at = () => performance.now();', 'no-restricted-globals'],
  ['export const later = (go: () => void) => setTimeout(go, 1);', 'no-restricted-globals'],
  ['export const late = () => AbortSignal.timeout(1);', 'no-restricted-properties'],
  ["export const say = () => { console.log(''); };", 'no-console'],
  ['export async function wait(work: Promise<void>) { await work; }', 'no-restricted-syntax'],
  ['Reflect.ownKeys({});', 'no-restricted-syntax'],
];

const everywhere: readonly Plant[] = [
  ['export default 1;', 'no-restricted-syntax'],
  ["export * from './other.ts';", 'no-restricted-syntax'],
  ['export enum Colour { Red }', 'no-restricted-syntax'],
  ['export namespace Room { export const it = 1; }', 'no-restricted-syntax'],
  ["export { it } from './index.ts';", 'no-restricted-imports'],
  ["export { it } from './utils/it.ts';", 'no-restricted-imports'],
  ["export { it } from '../helpers/it.ts';", 'no-restricted-imports'],
  ["export { it } from './common.ts';", 'no-restricted-imports'],
  ['export const it = (from: any) => typeof from;', '@typescript-eslint/no-explicit-any'],
  ['export const go = (work: Promise<void>) => { work; };', '@typescript-eslint/no-floating-promises'],
];

const allowed: readonly (readonly [path: string, line: string])[] = [
  ['apis/meta/allowed.ts', "import type { Plan } from './structural.ts';\nexport type It = Plan;"],
  [
    'apis/storage/v1alpha1/volume/allowed.ts',
    "export { it } from '../../../meta/process.ts';\nexport { that } from './crypto.ts';\nexport { z } from 'zod';",
  ],
  ['server/verbs/allowed.ts', "export { it } from '../../apis/meta/indexed.ts';\nexport { that } from './commonly.ts';"],
  ['cmd/cloudd/clock.ts', 'export const at = () => Date.now() + performance.now() + process.argv.length + Number(process.env.PORT);'],
  ['cmd/cloudd/sleep.ts', 'export const later = (go: () => void) => setTimeout(go, 1);'],
  ['server/verbs/date.ts', 'export const at = (text: string) => new Date(text).getTime();'],
  ['server/verbs/wait.ts', 'export async function wait(work: Promise<void>, signal: AbortSignal) { signal.throwIfAborted(); await work; }'],
  [
    'controllers/volume/plan.test.ts',
    "import { readFileSync } from 'node:fs';\ntest('x', () => { expect(readFileSync(String(Date.now()))).toBe(1); });",
  ],
  ['hack/tool.ts', 'console.log(process.argv.length, Date.now());'],
  ['client/stdout.ts', 'export const size = (count: number) => `${count} lines`;'],
];

const long = `export function long(): number {\n${'  Number(1);\n'.repeat(60)}  return 1;\n}\n`;
const tall = Array.from({ length: 401 }, (_, at) => `export const it${at} = 1;\n`).join('');

const files = new Map<string, readonly Plant[]>([
  ...deciders.map((path) => [path, impure] as const),
  ...['server/verbs/get.ts', 'client/list.ts', 'controllers/volume/controller.ts', 'drivers/sim/world.ts'].map(
    (path) => [path, shipped] as const,
  ),
  ['hack/script.ts', everywhere],
  ['server/verbs/long.ts', [[long, 'max-lines-per-function']]],
  ['server/verbs/tall.ts', [[tall, 'max-lines']]],
  ['client/room.test.ts', [["jest.mock('./room.ts');", 'no-restricted-syntax']]],
  ['drivers/sim/room.test.ts', [["jest.unstable_mockModule('./room.ts', () => 1);", 'no-restricted-syntax']]],
  ...allowed.map(([path, line]) => [path, [[line]]] as const),
]);

/** Plants share a file, so each defines a name of its own. */
function textOf(plants: readonly Plant[]): string {
  return plants.map(([line], at) => line.replace(/^export (const|function|async function) \w+/, `export $1 it${at}`)).join('\n');
}

async function plantIn(root: string): Promise<void> {
  for (const [path, plants] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${textOf(plants)}\n`);
  }
  for (const name of ['eslint.config.mjs', 'tsconfig.json', 'package.json']) await copyFile(join(project, name), join(root, name));
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'));
}

interface Message {
  readonly ruleId: string | null;
  readonly message: string;
  readonly line: number;
}

async function lint(root: string): Promise<ReadonlyMap<string, readonly Message[]>> {
  const program = join(project, 'node_modules/.bin/eslint');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, '--format', 'json', '.'], {
    cwd: root,
    maxBuffer: 64 << 20,
  }).catch((error: unknown) => error as { stdout: string; stderr: string });
  if (stdout === '') throw new Error(`eslint said: ${stderr}`);
  const results = JSON.parse(stdout) as { filePath: string; messages: Message[] }[];
  return new Map(results.map(({ filePath, messages }) => [relative(root, filePath), messages]));
}

describe('the lint rules', () => {
  let root = '';
  let found: ReadonlyMap<string, readonly Message[]> = new Map();

  beforeAll(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'lenticular-lint-')));
    await plantIn(root);
    found = await lint(root);
  }, 60_000);
  afterAll(() => rm(root, { recursive: true, force: true }));

  const rows = [...files].flatMap(([path, plants]) =>
    plants.map(([line, rule], at) => ({ path, at, line: line.split('\n')[0] ?? '', alone: plants.length === 1, rule })),
  );

  test.each(rows.filter(({ rule }) => rule !== undefined))('$path: $rule catches $line', ({ path, at, alone, rule }) => {
    const caught = found.get(path)?.filter(({ line }) => alone || line === at + 1) ?? [];
    expect(caught.map(({ ruleId }) => ruleId)).toContain(rule);
  });

  test.each(rows.filter(({ rule }) => rule === undefined))('$path: nothing is wrong with $line', ({ path }) => {
    expect(found.get(path)).toEqual([]);
  });
});
