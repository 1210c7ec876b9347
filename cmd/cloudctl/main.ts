#!/usr/bin/env node
import { Command, Option } from 'commander';
import { ApiError } from '../../apis/meta/api-error.ts';
import { projectVersion } from '../version.ts';
import { argumentsOf } from './arguments.ts';
import type { ConformanceOptions } from './commands/driver-conformance.ts';
import { durationMs } from './durations.ts';
import { failureLine } from './failure.ts';
import { ManifestError, type Manifest } from './manifest.ts';
import { printableLines } from './print.ts';
import type { Selection } from './selection.ts';
import type { Context } from './targets.ts';
import { UsageError } from './usage-error.ts';

interface Globals {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

interface SelectOptions {
  readonly filename?: readonly string[];
  readonly recursive: boolean;
  readonly selector?: string;
  readonly all: boolean;
}

const interrupted = new AbortController();
const { signal } = interrupted;
process.once('SIGINT', () => {
  interrupted.abort();
  process.exitCode = 130;
});
// The reader of our output went away (`cloudctl get | head`): nothing is left to do.
process.stdout.on('error', () => process.exit(0));

const output = {
  out: (line: string): unknown => process.stdout.write(`${line}\n`),
  err: (line: string): unknown => process.stderr.write(`${printableLines(line)}\n`),
};

/** Connects as the options say; nothing is loaded before a command needs it. */
async function contextOf(command: Command): Promise<Context> {
  const { connect } = await import('./connect.ts');
  return connect({ ...command.optsWithGlobals<Globals>(), ...output }, signal);
}

async function manifestsOf(paths: readonly string[], recursive: boolean): Promise<readonly Manifest[]> {
  const { readFiles } = await import('./files.ts');
  return readFiles(paths, { recursive });
}

/** Objects by words or files. Last declared first where `backwards`: what depends on others stands after them. */
async function selectionOf(words: readonly string[], options: SelectOptions, backwards: boolean): Promise<Selection> {
  if ((options.filename === undefined) === (words.length === 0)) throw new UsageError('give either names or -f FILE');
  const manifests = options.filename === undefined ? [] : await manifestsOf(options.filename, options.recursive);
  return { words, manifests: backwards ? manifests.toReversed() : manifests, all: options.all, selector: options.selector };
}

function failIf(failed: number): void {
  if (failed > 0) process.exitCode = 1;
}

function listed(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',')];
}

const filename = new Option('-f, --filename <path>', 'a file, a folder, or - for standard input; may be repeated').argParser(listed);
const recursive = new Option('-R, --recursive', 'also the folders in a folder').default(false);
const selector = new Option('-l, --selector <query>', 'only objects with these labels, such as app=web,tier!=db');
const all = new Option('--all', 'all of the type in the namespace').default(false);
const dryRun = new Option('--dry-run <how>', 'none, or server: ask the server what would happen')
  .choices(['none', 'server'])
  .default('none');

const program = new Command('cloudctl')
  .description('Declares and watches a Lenticular cloud, through its Kubernetes API.')
  .option('--kubeconfig <file>', 'the kubeconfig (default: $KUBECONFIG, then ~/.lenticular/kubeconfig, then ~/.kube/config)')
  .option('--context <name>', 'the context of the kubeconfig')
  .option('-n, --namespace <name>', "the namespace (default: the context's, then default)")
  .showHelpAfterError('(see --help)');

program
  .command('apply')
  .description('Makes objects as files say; applying again changes nothing.')
  .addOption(filename)
  .addOption(recursive)
  .addOption(dryRun)
  .option('--wait', 'wait until everything applied is Ready', false)
  .addOption(new Option('--no-wait').hideHelp())
  .option('--timeout <duration>', 'with --wait: how long', '5m')
  .action(
    async (
      options: { filename?: readonly string[]; recursive: boolean; dryRun: string; wait: boolean; timeout: string },
      command: Command,
    ) => {
      if (options.filename === undefined) throw new UsageError('say what to apply: -f FILE, -f FOLDER, or -f - for standard input');
      const { apply } = await import('./commands/apply.ts');
      const timeoutMs = durationMs(options.timeout);
      const manifests = await manifestsOf(options.filename, options.recursive);
      const context = await contextOf(command);
      const { applied, failed } = await apply(context, manifests, { dryRun: options.dryRun === 'server' }, signal);
      failIf(failed);
      if (!options.wait || failed > 0 || options.dryRun === 'server') return;
      const { waitReady } = await import('./commands/wait.ts');
      failIf(await waitReady(context, applied, timeoutMs, signal));
    },
  );

program
  .command('get')
  .description('Prints objects: get vms, get vm/web-1 -o yaml, get zones,racks,hosts.')
  .argument('<what...>', 'TYPE, TYPE NAME... or TYPE/NAME...')
  .option('-A, --all-namespaces', 'of all namespaces', false)
  .option('-o, --output <format>', 'wide, yaml, json, name or jsonpath=TEMPLATE')
  .addOption(selector)
  .option('--field-selector <query>', 'only objects with these fields, such as status.host=host-1')
  .option('-w, --watch', 'then print every change', false)
  .option('--no-headers', 'tables without their first line')
  .option('--ignore-not-found', 'print nothing instead of failing', false)
  .action(
    async (
      words: readonly string[],
      options: {
        allNamespaces: boolean;
        output?: string;
        selector?: string;
        fieldSelector?: string;
        watch: boolean;
        headers: boolean;
        ignoreNotFound: boolean;
      },
      command: Command,
    ) => {
      const { get } = await import('./commands/get.ts');
      const { output: format, selector: labels, fieldSelector } = options;
      const write = (text: string): unknown => process.stdout.write(text);
      failIf(await get(await contextOf(command), words, { ...options, output: format, selector: labels, fieldSelector, write }, signal));
    },
  );

program
  .command('describe')
  .description('Tells all about objects: what is declared, what is true and since when, and what happened lately.')
  .argument('<what...>', 'TYPE, TYPE NAME... or TYPE/NAME...')
  .addOption(selector)
  .action(async (words: readonly string[], options: { selector?: string }, command: Command) => {
    const { describe } = await import('./commands/describe.ts');
    failIf(await describe(await contextOf(command), words, { selector: options.selector, now: Date.now() }, signal));
  });

program
  .command('delete')
  .description('Deletes objects, and waits until they are gone; says what holds them up.')
  .argument('[what...]', 'TYPE NAME... or TYPE/NAME...')
  .addOption(filename)
  .addOption(recursive)
  .addOption(selector)
  .addOption(all)
  .addOption(dryRun)
  .option('--ignore-not-found', 'what is not there counts as done', false)
  .option('--wait', 'wait until they are gone', true)
  .option('--no-wait', 'do not wait')
  .option('--timeout <duration>', 'how long to wait (default: for ever)')
  .action(
    async (
      words: readonly string[],
      options: SelectOptions & { dryRun: string; ignoreNotFound: boolean; wait: boolean; timeout?: string },
      command: Command,
    ) => {
      const { remove } = await import('./commands/delete.ts');
      const timeoutMs = options.timeout === undefined ? undefined : durationMs(options.timeout);
      const selection = await selectionOf(words, options, true);
      failIf(await remove(await contextOf(command), selection, { ...options, timeoutMs, dryRun: options.dryRun === 'server' }, signal));
    },
  );

program
  .command('wait')
  .description('Waits until objects are as asked, and says why where they are not.')
  .argument('[what...]', 'TYPE NAME... or TYPE/NAME...')
  .addOption(filename)
  .addOption(recursive)
  .addOption(selector)
  .addOption(all)
  .option('--for <what>', 'condition=TYPE[=STATUS], jsonpath={PATH}[=VALUE] or delete', 'condition=Ready')
  .option('--timeout <duration>', 'how long', '30s')
  .action(async (words: readonly string[], options: SelectOptions & { for: string; timeout: string }, command: Command) => {
    const { wait } = await import('./commands/wait.ts');
    const how = { for: options.for, timeoutMs: durationMs(options.timeout) };
    const selection = await selectionOf(words, options, false);
    failIf(await wait(await contextOf(command), selection, how, signal));
  });

program
  .command('tree')
  .description('Shows the whole cloud: zones, racks, hosts, VMs, volumes and pools, and how each of them is.')
  .action(async (_options: unknown, command: Command) => {
    const { tree } = await import('./commands/tree.ts');
    await tree(await contextOf(command), { colour: process.stdout.isTTY && process.stdout.hasColors() }, signal);
  });

program
  .command('diff')
  .description(
    'Compares what drivers list with what is declared: a line for each difference and exit code 1; nothing and 0 where there is none.',
  )
  .option('--all', 'of the whole cloud', false)
  .action(async ({ all: whole }: { all: boolean }, command: Command) => {
    if (!whole) throw new UsageError('say what to compare: --all, the whole cloud');
    const { diff } = await import('./commands/diff.ts');
    failIf(await diff(await contextOf(command), signal));
  });

program
  .command('gc')
  .description('Lists orphans: machines and disks of this cloud whose objects are gone; deletes those that are confirmed, for good.')
  .option('--confirm <id>', 'the id of an orphan to delete; may be repeated', listed)
  .option('--timeout <duration>', 'how long to wait for each to be gone', '2m')
  .action(async ({ confirm = [], timeout }: { confirm?: readonly string[]; timeout: string }, command: Command) => {
    const { gc } = await import('./commands/gc.ts');
    const timeoutMs = durationMs(timeout);
    failIf(await gc(await contextOf(command), { confirm, timeoutMs }, signal));
  });

const driver = program.command('driver').description('Tools for those who write drivers.');

driver
  .command('conformance')
  .description('Checks a driver against the contract, a line for each check; exit code 1 where one fails.')
  .requiredOption('--subject <file>', 'YAML: the endpoints that may be used, and what the driver cannot do')
  .option('--command <program>', 'the driver: a program with its arguments, split at blanks')
  .option('--address <address>', 'or where it runs, as HOST:PORT, with --ca, --cert and --key')
  .option('--ca <file>', 'who signed the certificate of the driver')
  .option('--cert <file>', 'our certificate')
  .option('--key <file>', 'its key')
  .option('--only <text>', 'only checks whose titles have this')
  .option('--verbose', 'also print what the driver says', false)
  .action(async (options: ConformanceOptions) => {
    const { driverConformance } = await import('./commands/driver-conformance.ts');
    failIf(await driverConformance(options, output, signal));
  });

program
  .command('version')
  .description('Prints the versions of cloudctl and of the server.')
  .option('--client', 'only of cloudctl', false)
  .action(async (options: { client: boolean }, command: Command) => {
    output.out(`Client: ${projectVersion()}`);
    if (options.client) return;
    const { reach } = await import('./connect.ts');
    const { api } = await reach({ ...command.optsWithGlobals<Globals>(), ...output }, signal);
    const { gitVersion } = (await api.ask({ path: '/version' }, signal)) as { readonly gitVersion: string };
    output.out(`Server: ${gitVersion}`);
  });

function lineFor(error: unknown): string {
  if (error instanceof ApiError) return failureLine(error);
  if (error instanceof ManifestError || error instanceof UsageError) return `error: ${error.message}`;
  return `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync(argumentsOf(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  if (!signal.aborted) {
    output.err(lineFor(error));
    process.exitCode = 1;
  }
}
