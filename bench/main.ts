import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineState } from './machine-state.ts';
import { plotOf } from './plot.ts';
import { number, tableOf, verdicts, type Measured } from './report.ts';
import { fill } from './fill.ts';
import { endWithUs } from './processes.ts';
import { startSide, type Side, type SideName } from './side.ts';
import type { Line, OwnWorkload, Sample, Where, Workload } from './workload.ts';
import { CREATE } from './p01-create.ts';
import { UPDATE } from './p02-update.ts';
import { SELECTORS } from './p05-selectors.ts';
import { MEMORY } from './p06-memory.ts';
import { WATCH } from './p07-watch.ts';
import { FAN_OUT } from './p08-fan-out.ts';
import { STALLED } from './p09-stalled.ts';
import { PLACEMENT } from './p10-placement.ts';
import { PROVISION } from './p11-provision.ts';
import { QUEUE } from './p12-queue.ts';
import { SCALE } from './p13-scale.ts';
import { RESTART } from './p14-restart.ts';
import { LEASES_RENEWED } from './p15-leases.ts';
import { GET } from './p03-get.ts';
import { LIST } from './p04-list.ts';

// npm run bench -- [--only P1,P4] [--rounds 5] [--scale 1] [--objects 100000]

// Memory first: what long lists leave behind would count.
const WORKLOADS: readonly (Workload | OwnWorkload)[] = [
  MEMORY,
  GET,
  LIST,
  SELECTORS,
  RESTART,
  CREATE,
  UPDATE,
  WATCH,
  STALLED,
  FAN_OUT,
  LEASES_RENEWED,
  PLACEMENT,
  PROVISION,
  QUEUE,
  SCALE,
];
const SIDES: readonly SideName[] = ['ours-etcd', 'peer', 'ours-sqlite'];
const OUT = join(import.meta.dirname, 'out');

interface Options {
  readonly workloads: readonly (Workload | OwnWorkload)[];
  readonly rounds: number;
  readonly objects: number;
  readonly scale: number;
  readonly peerProgram: string;
}

/** A mistake of whoever started the program, told without a stack. */
class UsageError extends Error {}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name} must be a number above 0, not ${JSON.stringify(text)}`);
  return value;
}

function readOptions(): Options {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const { values } = parseArgs({ options: { only: { type: 'string' }, rounds: text('5'), scale: text('1') } });
  const wanted = values.only?.split(',').map((id) => id.trim().toUpperCase());
  const unknown = wanted?.filter((id) => !WORKLOADS.some((workload) => workload.id === id)) ?? [];
  if (unknown.length > 0)
    throw new UsageError(`--only: no workload ${unknown.join(', ')}; there are ${WORKLOADS.map(({ id }) => id).join(', ')}`);
  const scale = positive('scale', values.scale);
  const workloads = WORKLOADS.filter(({ id }) => wanted?.includes(id) ?? true);
  return {
    workloads,
    rounds: Math.ceil(positive('rounds', values.rounds)),
    scale,
    objects: Math.max(1_000, Math.round(100_000 * scale)),
    // What runs in this process alone needs none.
    peerProgram: workloads.every(({ on }) => on === 'own') ? '' : peerProgram(),
  };
}

function peerProgram(): string {
  const folder = process.env.KUBEBUILDER_ASSETS ?? '';
  const program = join(folder, 'crd-apiserver');
  try {
    if (folder !== '') accessSync(program, constants.X_OK);
  } catch {
    throw new UsageError(`KUBEBUILDER_ASSETS is ${folder}, which holds no executable crd-apiserver`);
  }
  if (folder === '') throw new UsageError('set KUBEBUILDER_ASSETS to a folder that holds crd-apiserver, the server to compare with');
  return program;
}

async function measure(
  { workload, side, folder, round }: { readonly workload: Line; readonly side: Where; readonly folder: string; readonly round: number },
  run: () => Promise<Sample>,
): Promise<Measured> {
  const about = { workload: workload.id, round, side, machine: machineState(folder) };
  const start = performance.now();
  const took = (): number => (performance.now() - start) / 1_000;
  try {
    const sample = await run();
    const figures = Object.entries(sample).map(([name, value]) => `${name} ${number(value)}`);
    const { load, fsyncP50Ms } = about.machine;
    const state = `${number(took())} s load ${number(load)} fsync ${number(fsyncP50Ms)} ms`;
    console.log(`${workload.id} round ${about.round} ${side.padEnd(11)} ${state} | ${figures.join(', ')}`);
    return { ...about, seconds: took(), sample };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.log(`${workload.id} round ${about.round} ${side}: FAILED: ${failure}`);
    return { ...about, seconds: took(), failure };
  }
}

async function startAll(folder: string, peer: string): Promise<readonly Side[]> {
  const started: Side[] = [];
  try {
    for (const name of SIDES) started.push(await startSide(name, join(folder, name), peer));
    return started;
  } catch (error) {
    await endAll(started);
    throw error;
  }
}

async function endAll(sides: readonly Side[]): Promise<void> {
  await Promise.all(sides.map((side) => side.end()));
}

/** Runs workloads on the same sides: side after side in each round, so that what disturbs the machine disturbs all alike. */
async function runOn(workloads: readonly Workload[], filled: boolean, folder: string, options: Options): Promise<readonly Measured[]> {
  const sides = await startAll(folder, peerProgram());
  const measured: Measured[] = [];
  try {
    if (filled) for (const side of sides) console.log(`filled ${side.name}: ${await fill(side, options.objects)}`);
    for (const workload of workloads) {
      for (let round = 1; round <= Math.min(options.rounds, workload.rounds ?? options.rounds); round += 1) {
        for (const side of sides) {
          if (side.name === 'peer' && round > (workload.peerRounds ?? Infinity)) continue;
          measured.push(await measure({ workload, side: side.name, folder, round }, () => workload.run(side, { ...options, round })));
        }
      }
    }
  } finally {
    await endAll(sides);
  }
  return measured;
}

/** Runs a workload that has no peer, each round on a store of its own. */
async function runOwn(workload: OwnWorkload, folder: string, options: Options): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (let round = 1; round <= Math.min(options.rounds, workload.rounds ?? options.rounds); round += 1) {
    const mine = await mkdtemp(join(folder, 'own-'));
    measured.push(await measure({ workload, side: 'own', folder, round }, () => workload.run(mine, { ...options, round })));
    await rm(mine, { recursive: true, force: true });
  }
  return measured;
}

async function bench(options: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lenticular-bench-'));
  endWithUs(folder);
  const measured: Measured[] = [];
  try {
    const filled = options.workloads.filter((workload): workload is Workload => workload.on === 'filled');
    if (filled.length > 0) measured.push(...(await runOn(filled, true, folder, options)));
    for (const workload of options.workloads) {
      if (workload.on === 'fresh') measured.push(...(await runOn([workload], false, folder, options)));
      if (workload.on === 'own') measured.push(...(await runOwn(workload, folder, options)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const all = verdicts(measured, options.workloads);
  await mkdir(OUT, { recursive: true });
  const { rounds, objects, scale } = options;
  await writeFile(join(OUT, 'report.json'), JSON.stringify({ rounds, objects, scale, verdicts: all, measured }, null, 2));
  await writeFile(join(OUT, 'report.svg'), plotOf(all));
  console.log(`\n${tableOf(all)}`);
  if (measured.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

try {
  await bench(readOptions());
} catch (error) {
  const isUsage = error instanceof UsageError || String((error as { readonly code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
  if (!isUsage) throw error;
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 2;
}
