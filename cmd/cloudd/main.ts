#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { projectVersion } from '../version.ts';
import type { ApiserverOptions } from './apiserver.ts';
import type { ControllersOptions, Listen } from './controllers.ts';
import { DEFAULT_DATA_DIR } from './data-dir.ts';
import { LOG_LEVELS } from './log.ts';
import { OperatorError } from './operator-error.ts';
import { simCommand } from './sim-command.ts';
import { storeCommand } from './store-command.ts';
import type { UpOptions } from './up.ts';

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError('give a port from 0 (any free one) to 65535.');
  return value;
}

function listenAt(text: string): Listen {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-zA-Z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  if (parts === null || host === undefined) throw new InvalidArgumentError('give it like 10.0.0.5:7443 or [fd00::5]:7443.');
  if (/^[0.:]+$/.test(host)) throw new InvalidArgumentError('give the address by which API servers reach it, not that of all interfaces.');
  return { host, port: port(parts[3] ?? '') };
}

function leaseSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d{1,3}$/.test(text) || value < 1) throw new InvalidArgumentError('give whole seconds from 1 to 999.');
  return value;
}

function urls(text: string): readonly string[] {
  const list = text.split(',').map((one) => one.trim());
  for (const one of list) {
    if (!/^https?:\/\/[^\s/]+$/.test(one)) throw new InvalidArgumentError(`${JSON.stringify(one)} is not like http://127.0.0.1:2379.`);
  }
  return list;
}

/** A number of bytes. */
function bytes(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of bytes.');
  return Number(text);
}

const dataDir = new Option('--data-dir <dir>', 'holds the store, certificates and kubeconfig').default(DEFAULT_DATA_DIR);
const portOption = new Option('--port <n>', 'the port of the API on 127.0.0.1').argParser(port).default(6440);
const store = new Option('--store <kind>', 'where objects are kept').choices(['sqlite', 'etcd']).default('sqlite');
const etcd = new Option('--etcd <urls>', 'with --store etcd: its endpoints, separated by commas').argParser(urls);
const etcdCa = new Option('--etcd-ca <file>', 'PEM of the authority of https endpoints');
const etcdCert = new Option('--etcd-cert <file>', "PEM of the client's certificate, for an etcd that asks for one");
const etcdKey = new Option('--etcd-key <file>', 'PEM of its private key');
const etcdQuota = new Option('--etcd-quota <bytes>', 'its --quota-backend-bytes, which it does not tell: to say before it is full')
  .argParser(bytes)
  .default(2 ** 31);
const logLevel = new Option('--log-level <level>', 'what is logged').choices(LOG_LEVELS).default('info');

const program = new Command('cloudd')
  .description('The control plane of a private cloud, behind the Kubernetes API.')
  .version(projectVersion())
  .showHelpAfterError('(see --help)');

program
  .command('up')
  .description('Runs everything in one process: the API, the controllers, and the drivers that they need.')
  .addOption(dataDir)
  .addOption(portOption)
  .addOption(store)
  .addOption(etcd)
  .addOption(etcdCa)
  .addOption(etcdCert)
  .addOption(etcdKey)
  .addOption(etcdQuota)
  .addOption(
    new Option('--sample <name>', 'what to apply, once, on an empty store').choices(['quickstart', 'qemu', 'none']).default('quickstart'),
  )
  .addOption(logLevel)
  .action(async (options: UpOptions) => (await import('./up.ts')).up(options, stopped()));

program
  .command('apiserver')
  .description('Serves the API alone; controllers run elsewhere.')
  .addOption(dataDir)
  .addOption(portOption)
  .addOption(store)
  .addOption(etcd)
  .addOption(etcdCa)
  .addOption(etcdCert)
  .addOption(etcdKey)
  .addOption(etcdQuota)
  .addOption(logLevel)
  .action(async (options: ApiserverOptions) => (await import('./apiserver.ts')).apiserver(options, stopped()));

program
  .command('controllers')
  .description('Runs the controllers and their drivers, against an API that a kubeconfig names.')
  .addOption(dataDir)
  .option('--kubeconfig <file>', "the kubeconfig (default: the data folder's own for controllers)")
  .addOption(
    new Option('--listen <host:port>', 'where it shows its queues and metrics: the address by which API servers reach it')
      .argParser(listenAt)
      .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1, any free port'),
  )
  .addOption(
    new Option('--lease-seconds <n>', 'how long a leader that is silent still holds its zones; the same for all processes')
      .argParser(leaseSeconds)
      .default(15),
  )
  .addOption(logLevel)
  .action(async (options: ControllersOptions) => (await import('./controllers.ts')).controllers(options, stopped()));

program
  .command('driver')
  .description('Runs one built-in driver as a process: sim, qemu or ipmi. The controllers start it so; by hand it serves hosts elsewhere.')
  .argument('<name>', 'sim, qemu or ipmi')
  .allowUnknownOption()
  .helpOption(false)
  .argument('[args...]', '--listen unix:PATH|HOST:PORT --state-dir DIR [--tls-ca FILE --tls-cert FILE --tls-key FILE]')
  .action(async (name: string, args: readonly string[]) => (await import('./driver.ts')).driver(name, args, stopped()));

program.addCommand(storeCommand(urls, stopped));
program.addCommand(simCommand(stopped));

/** npm hands on the Ctrl-C that the terminal has sent already: what comes this soon is the same one. */
const SAME_SIGNAL_MS = 1_000;

/** Aborts at the first Ctrl-C or SIGTERM; a second one, by somebody who will not wait, ends the process at once. */
function stopped(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        first = performance.now();
        controller.abort(new Error(`stopped by ${signal}`));
      } else if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
    });
  }
  return controller.signal;
}

/** What an operator can mend in one sentence; everything else with where it happened. */
function inWords(error: unknown): string {
  // An ApiError by its name: the driver role, which starts here too, loads nothing of the API.
  const said = error instanceof Error && error.name === 'ApiError' && (error as { readonly reason?: unknown }).reason !== 'InternalError';
  if (error instanceof OperatorError || said) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`error: ${inWords(error)}\n`);
  process.exitCode = 1;
}
