import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { ApiRequest } from '../../apis/meta/request.ts';
import { createBoard } from '../../controllers/runtime/board.ts';
import { createApi as createCommandApi } from '../cloudctl/api.ts';
import { apply } from '../cloudctl/commands/apply.ts';
import { fetchForest } from '../cloudctl/commands/tree.ts';
import { conditionsIn } from '../cloudctl/judge.ts';
import { readManifests } from '../cloudctl/manifest.ts';
import { discover } from '../cloudctl/resources.ts';
import type { Context } from '../cloudctl/targets.ts';
import type { Forest } from '../cloudctl/tree.ts';
import { projectVersion } from '../version.ts';
import { startApi, type ApiserverOptions, type RunningApi } from './apiserver.ts';
import { ADMIN } from './callers.ts';
import { systemClock } from '../clock.ts';
import { startControllers } from './controllers.ts';
import { openDataDir, type DataDir } from './data-dir.ts';
import { createLog } from './log.ts';
import { OperatorError } from './operator-error.ts';
import { showProgress } from './progress.ts';
import { queueObject } from './queues.ts';

export interface UpOptions extends ApiserverOptions {
  readonly sample: 'quickstart' | 'qemu' | 'none';
}

/** How long the tree is shown before cloudd stops waiting for what is not Ready; it goes on serving either way. */
const PROGRESS_MS = 120_000;
const REDRAW_MS = 150;
/** Of so many objects of a kind, a picture is neither drawn nor waited for. */
const MOST_DRAWN = 200;

/** `cloudd up`: everything in one process, until it is stopped. Machines run on afterwards. */
export async function up(options: UpOptions, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const dirs = openDataDir(options.dataDir);
  const log = createLog({ level: options.logLevel, file: dirs.log });
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  say(`Lenticular ${projectVersion()}, data in ${dirs.root}`);
  // The controllers and drivers end before the API that they speak to.
  const api = new AbortController();
  const work = new AbortController();
  const both = AbortSignal.any([signal, work.signal]);
  const board = createBoard();
  const local = { queues: () => board.queues().map((report) => queueObject(report, Date.now())), metrics: () => board.metrics() };
  const running = await startApi(options, { dirs, log, local }, api.signal);
  const controllers = startControllers({ transport: running.handle, dirs, log, alone: options.store === 'sqlite', board }, both);
  say(`Serving https://127.0.0.1:${String(running.port)}`);
  try {
    const welcomed = welcome({ options, running, dirs, started, say }, both).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    await Promise.all([welcomed, controllers]);
  } finally {
    work.abort(new Error('cloudd ends'));
    await controllers.catch(() => undefined);
    api.abort(new Error('cloudd ends'));
    await running.ended;
  }
  say('Stopped. Machines keep running; start again to look after them.');
}

interface Welcome {
  readonly options: UpOptions;
  readonly running: RunningApi;
  readonly dirs: DataDir;
  readonly started: number;
  readonly say: (line: string) => void;
}

/** Applies the sample where there is nothing yet, shows the tree until all is Ready, and says what to type next. */
async function welcome({ options, running, dirs, started, say }: Welcome, signal: AbortSignal): Promise<void> {
  const context = await contextOf(running, say, signal);
  const before = await fetchForest({ ...context, most: MOST_DRAWN }, signal);
  if (options.sample !== 'none' && isEmpty(before)) await applySample(context, options.sample, dirs, signal);
  const forest = await untilReady(context, signal);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (isEmpty(forest)) say('Nothing is declared yet.');
  else if (isMuch(forest)) say('More is declared than can be drawn here.');
  else if (unready(forest) === 0) say(styleText('bold', `Everything is Ready (${seconds} s).`));
  else say(`${String(unready(forest))} of the objects above are not Ready; the log is ${dirs.log}.`);
  for (const line of nextCommands(dirs, isEmpty(forest))) say(line);
}

async function contextOf(running: RunningApi, say: (line: string) => void, signal: AbortSignal): Promise<Context> {
  const asAdmin = (request: ApiRequest, stop: AbortSignal): ReturnType<RunningApi['handle']> =>
    running.handle({ ...request, caller: ADMIN }, stop);
  const api = createCommandApi(asAdmin, say);
  return { api, namespace: 'default', resources: await discover(api, signal), out: say, err: say };
}

function isEmpty(forest: Forest): boolean {
  return Object.values(forest).every((objects) => objects.length === 0);
}

function isMuch(forest: Forest): boolean {
  return Object.values(forest).some((objects) => objects.length >= MOST_DRAWN);
}

function unready(forest: Forest): number {
  const all = Object.values(forest).flat();
  return all.filter((object) => !conditionsIn(object).some(({ type, status }) => type === 'Ready' && status === 'True')).length;
}

async function applySample(context: Context, sample: 'quickstart' | 'qemu', dirs: DataDir, signal: AbortSignal): Promise<void> {
  const file = fileURLToPath(new URL(`../../manifests/samples/${sample}.yaml`, import.meta.url));
  if (sample === 'qemu') await checkGuest(dirs);
  const { failed } = await apply(context, readManifests(file, await readFile(file, 'utf8')), { dryRun: false }, signal);
  if (failed > 0) throw new OperatorError(`the sample ${sample} could not be applied`);
}

/** The qemu sample needs a kernel to boot, which npm does not bring. */
async function checkGuest(dirs: DataDir): Promise<void> {
  const images = `${dirs.drivers}/qemu/images`;
  try {
    await Promise.all(['demo-kernel', 'demo-initrd'].map((name) => access(`${images}/${name}`)));
  } catch (error) {
    throw new OperatorError(
      `the sample qemu boots a small guest that is not there yet: make it with\n  npm run guest -- ${images}\nand start again`,
      {
        cause: error,
      },
    );
  }
}

async function untilReady(context: Context, signal: AbortSignal): Promise<Forest> {
  const show = showProgress(
    { isTTY: process.stdout.isTTY, columns: process.stdout.columns, write: (text) => process.stdout.write(text) },
    { colour: process.stdout.isTTY && process.stdout.hasColors() },
  );
  const clock = systemClock();
  const deadline = clock.monotonic() + PROGRESS_MS;
  for (;;) {
    const forest = await fetchForest({ ...context, most: MOST_DRAWN }, signal);
    if (isMuch(forest)) return forest;
    if (!isEmpty(forest)) show(forest);
    if (unready(forest) === 0 || clock.monotonic() > deadline) return forest;
    await clock.sleep(REDRAW_MS, signal);
  }
}

function nextCommands({ kubeconfig }: DataDir, empty: boolean): readonly string[] {
  return [
    '',
    'Next, in another terminal:',
    `  export KUBECONFIG=${kubeconfig}`,
    ...(empty
      ? ['  kubectl apply -f manifests/samples/quickstart.yaml']
      : ['  kubectl get zones,racks,hosts,storagepools,volumes,vms -A', '  kubectl describe vm vm-1']),
    '  npm run cloudctl -- tree',
    '',
    'Ctrl-C stops the control plane and nothing else: machines keep running.',
  ];
}
