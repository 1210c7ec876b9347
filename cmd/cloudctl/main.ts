#!/usr/bin/env node
import { Command, Option } from 'commander';
import { ApiError } from '../../apis/meta/api-error.ts';
import { projectVersion } from '../version.ts';
import { durationMs } from './durations.ts';
import { ManifestError } from './manifest.ts';
import { UsageError, type Context } from './targets.ts';

interface Globals {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly server?: string;
}

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
  process.exitCode = 130;
});
// The reader of our output went away (`cloudctl get | head`): nothing is left to do.
process.stdout.on('error', () => process.exit(0));

/** Connects as the options say; nothing is loaded before a command needs it. */
async function contextOf(command: Command): Promise<Context> {
  const globals = command.optsWithGlobals<Globals>();
  const { connect } = await import('./connect.ts');
  return connect(
    { ...globals, out: (line) => process.stdout.write(`${line}\n`), err: (line) => process.stderr.write(`${line}\n`) },
    interrupted.signal,
  );
}

function files(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',')];
}

const selector = new Option('-l, --selector <query>', 'only objects with these labels, such as app=web,tier!=db');
const recursive = new Option('-R, --recursive', 'also the folders in a folder').default(false);
const dryRun = new Option('--dry-run <how>', 'none, or server: ask the server what would happen')
  .choices(['none', 'server'])
  .default('none');

const program = new Command('cloudctl')
  .description('Declares and watches a Lenticular cloud, through its Kubernetes API.')
  .option('--kubeconfig <file>', 'the kubeconfig (default: $KUBECONFIG, then ~/.lenticular/kubeconfig, then ~/.kube/config)')
  .option('--context <name>', 'the context of the kubeconfig')
  .option('-n, --namespace <name>', "the namespace (default: the context's, then default)")
  .showHelpAfterError('(see --help)')
  .enablePositionalOptions();

program
  .command('apply')
  .description('Makes objects as files say; applying again changes nothing.')
  .requiredOption('-f, --filename <path>', 'a file, a folder, or - for standard input; may be repeated', files)
  .addOption(recursive)
  .addOption(dryRun)
  .option('--wait', 'wait until everything applied is Ready', false)
  .option('--timeout <duration>', 'with --wait: how long', '5m')
  .action(
    async (
      options: { filename: readonly string[]; recursive: boolean; dryRun: string; wait: boolean; timeout: string },
      command: Command,
    ) => {
      const { readFiles } = await import('./files.ts');
      const { apply } = await import('./commands/apply.ts');
      const manifests = await readFiles(options.filename, options);
      const context = await contextOf(command);
      const { applied, failed } = await apply(context, manifests, { dryRun: options.dryRun === 'server' }, interrupted.signal);
      if (failed > 0) process.exitCode = 1;
      if (!options.wait || failed > 0 || options.dryRun === 'server') return;
      const { waitReady } = await import('./commands/wait.ts');
      if ((await waitReady(context, applied, durationMs(options.timeout), interrupted.signal)) > 0) process.exitCode = 1;
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
        ignoreNotFound: boolean;
      },
      command: Command,
    ) => {
      const { get } = await import('./commands/get.ts');
      const { output, selector: labels, fieldSelector } = options;
      await get(await contextOf(command), words, { ...options, output, selector: labels, fieldSelector }, interrupted.signal);
    },
  );

program
  .command('describe')
  .description('Tells all about objects: what is declared, what is true and since when, and what happened lately.')
  .argument('<what...>', 'TYPE, TYPE NAME... or TYPE/NAME...')
  .action(async (words: readonly string[], _options: unknown, command: Command) => {
    const { describe } = await import('./commands/describe.ts');
    await describe(await contextOf(command), words, Date.now(), interrupted.signal);
  });

program
  .command('delete')
  .description('Deletes objects, and waits until they are gone; says what holds them up.')
  .argument('[what...]', 'TYPE NAME... or TYPE/NAME...')
  .option('-f, --filename <path>', 'the objects of a file, a folder, or - for standard input; may be repeated', files)
  .addOption(recursive)
  .addOption(selector)
  .addOption(dryRun)
  .option('--all', 'all of the type in the namespace', false)
  .option('--ignore-not-found', 'what is not there counts as done', false)
  .option('--no-wait', 'do not wait')
  .option('--timeout <duration>', 'how long to wait (default: for ever)')
  .action(
    async (
      words: readonly string[],
      options: {
        filename?: readonly string[];
        recursive: boolean;
        selector?: string;
        dryRun: string;
        all: boolean;
        ignoreNotFound: boolean;
        wait: boolean;
        timeout?: string;
      },
      command: Command,
    ) => {
      const { remove } = await import('./commands/delete.ts');
      const { readFiles } = await import('./files.ts');
      if ((options.filename === undefined) === (words.length === 0)) throw new UsageError('give either names or -f FILE');
      const manifests = options.filename === undefined ? [] : await readFiles(options.filename, options);
      const timeoutMs = options.timeout === undefined ? undefined : durationMs(options.timeout);
      const settings = { ...options, timeoutMs, selector: options.selector, dryRun: options.dryRun === 'server' };
      // Last declared first: what depends on others stands after them.
      const failed = await remove(await contextOf(command), { words, manifests: manifests.toReversed() }, settings, interrupted.signal);
      if (failed > 0) process.exitCode = 1;
    },
  );

program
  .command('wait')
  .description('Waits until objects are as asked, and says why where they are not.')
  .argument('<what...>', 'TYPE NAME... or TYPE/NAME...')
  .option('--for <what>', 'condition=TYPE[=STATUS] or delete', 'condition=Ready')
  .option('--timeout <duration>', 'how long', '30s')
  .action(async (words: readonly string[], options: { for: string; timeout: string }, command: Command) => {
    const { wait } = await import('./commands/wait.ts');
    const failed = await wait(
      await contextOf(command),
      words,
      { for: options.for, timeoutMs: durationMs(options.timeout) },
      interrupted.signal,
    );
    if (failed > 0) process.exitCode = 1;
  });

program
  .command('tree')
  .description('Shows the whole cloud: zones, racks, hosts, VMs, volumes and pools, and how each of them is.')
  .action(async (_options: unknown, command: Command) => {
    const { tree } = await import('./commands/tree.ts');
    await tree(await contextOf(command), { colour: process.stdout.isTTY && process.stdout.hasColors() }, interrupted.signal);
  });

program
  .command('version')
  .description('Prints the versions of cloudctl and of the server.')
  .option('--client', 'only of cloudctl', false)
  .action(async (options: { client: boolean }, command: Command) => {
    process.stdout.write(`Client: ${projectVersion()}\n`);
    if (options.client) return;
    const { api } = await contextOf(command);
    const { gitVersion } = (await api.ask({ path: '/version' }, interrupted.signal)) as { readonly gitVersion: string };
    process.stdout.write(`Server: ${gitVersion}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!interrupted.signal.aborted) {
    const known = error instanceof ApiError || error instanceof ManifestError || error instanceof UsageError;
    process.stderr.write(`error: ${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
}
