import { Command, Option } from 'commander';
import type { MigrateOptions, StorePlace } from './store.ts';

/** `cloudd store`: what an operator does with a store apart from serving it. */
export function storeCommand(urls: (text: string) => readonly string[], stopped: () => AbortSignal): Command {
  const dataDir = new Option('--data-dir <dir>', 'the data folder whose store it is');
  const etcd = new Option('--etcd <urls>', 'the store in etcd: its endpoints, separated by commas').argParser(urls);
  const [tls, fromTls] = [tlsOptions('etcd'), tlsOptions('from-etcd')];
  const command = new Command('store').description('Backs up, restores, moves and checks a store.');
  command
    .command('backup')
    .description('Writes the store as of now into one file, while servers run.')
    .addOption(dataDir)
    .addOption(etcd)
    .addOption(tls.ca)
    .addOption(tls.certificate)
    .addOption(tls.key)
    .requiredOption('--to <file>', 'the file, which must not exist')
    .action(async (options: StorePlace & { readonly to: string }) => (await import('./store.ts')).backup(options, stopped()));
  command
    .command('restore')
    .description('Makes a store of a backup, in an empty place.')
    .requiredOption('--from <file>', 'the backup')
    .addOption(dataDir)
    .addOption(etcd)
    .addOption(tls.ca)
    .addOption(tls.certificate)
    .addOption(tls.key)
    .action(async (options: StorePlace & { readonly from: string }) => (await import('./store.ts')).restore(options, stopped()));
  command
    .command('migrate')
    .description('Moves a store to an empty place; no server uses the first one from then on.')
    .option('--from-data-dir <dir>', 'moves the store of this data folder')
    .addOption(new Option('--from-etcd <urls>', 'moves the store in this etcd').argParser(urls))
    .addOption(fromTls.ca)
    .addOption(fromTls.certificate)
    .addOption(fromTls.key)
    .addOption(dataDir)
    .addOption(etcd)
    .addOption(tls.ca)
    .addOption(tls.certificate)
    .addOption(tls.key)
    .action(async (options: MigrateOptions) => (await import('./store.ts')).migrate(options, stopped()));
  command
    .command('check')
    .description('Reads a whole store or backup, says what is wrong with it, and changes nothing.')
    .option('--from <file>', 'a backup')
    .addOption(dataDir)
    .addOption(etcd)
    .addOption(tls.ca)
    .addOption(tls.certificate)
    .addOption(tls.key)
    .action(async (options: StorePlace & { readonly from?: string }) => (await import('./store.ts')).check(options, stopped()));
  return command;
}

function tlsOptions(etcd: string): { readonly ca: Option; readonly certificate: Option; readonly key: Option } {
  return {
    ca: new Option(`--${etcd}-ca <file>`, `with --${etcd}: PEM of the authority of https endpoints`),
    certificate: new Option(`--${etcd}-cert <file>`, `with --${etcd}: PEM of the client's certificate, for an etcd that asks for one`),
    key: new Option(`--${etcd}-key <file>`, `with --${etcd}: PEM of its private key`),
  };
}
