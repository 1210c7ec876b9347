import { openSqliteStore } from '../../server/store/sqlite.ts';

// A process of its own for tests: creates /0, /1, ... in the store of argv[2], one after the other, until it is killed or a write fails.
// Prints "open", then the key of each acknowledged write, or the reasons of the first failure, of the write after it and of the watch.

const signal = new AbortController().signal;

async function main(file: string): Promise<void> {
  const store = await openSqliteStore({ file }, signal);
  const { objects } = await store.list('', signal);
  process.stdout.write('open\n');
  const reasons: string[] = [];
  const watched = drain(store.watch('', await store.revision(signal), signal)).catch(reasonOf);
  for (let at = objects.length; reasons.length < 2; at += 1) {
    const key = `/${String(at)}`;
    await store.write({ do: 'create', key, value: 'v'.repeat(2000) }, signal).then(
      () => process.stdout.write(`${key}\n`),
      (error: unknown) => reasons.push(reasonOf(error)),
    );
  }
  process.stdout.write(`failed ${reasons.join(' ')} ${await watched}\n`);
  await store.close();
}

async function drain(watch: AsyncIterable<unknown>): Promise<string> {
  let last: unknown;
  for await (const events of watch) last = events;
  return `ended ${String(last)}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'reason' in error ? String(error.reason) : String(error);
}

const [, , file] = process.argv;
if (file !== undefined) await main(file);
