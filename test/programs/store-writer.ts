import { setTimeout } from 'node:timers/promises';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import type { Store, StoredObject, StoreEvent } from '../../server/store/store.ts';

// A process of its own for tests: creates /0, /1, ... in the store of argv[2], one after the other, until it is killed or a write fails.
// Prints "open", then the key of each acknowledged write, or the reasons of two failures.
// With a number in argv[3] it goes on after failures until so many keys are there; where it does not know, it reads before it tries again,
// and prints whether the write was "durable" or "lost".

const signal = new AbortController().signal;

async function main(file: string): Promise<void> {
  const store = await openSqliteStore({ file }, signal);
  const { objects } = await store.list('', signal);
  process.stdout.write('open\n');
  const reasons: string[] = [];
  for (let at = objects.length; reasons.length < 2; at += 1) {
    const key = `/${String(at)}`;
    await store.write({ do: 'create', key, value: 'v'.repeat(2000) }, signal).then(
      () => process.stdout.write(`${key}\n`),
      (error: unknown) => reasons.push(reasonOf(error)),
    );
  }
  process.stdout.write(`failed ${reasons.join(' ')}\n`);
  await store.close();
}

/** Goes on after failures until so many writes are acknowledged or found, and prints the events of a watch of all of it as well. */
async function writeThrough(file: string, count: number): Promise<void> {
  const store = await openSqliteStore({ file }, signal);
  const watched = printEvents(store.watch('', await store.revision(signal), signal));
  for (let at = 0; at < count; at += 1) {
    const key = `/${String(at)}`;
    while (!(await created(store, key))) await setTimeout(20);
    process.stdout.write(`${key}\n`);
  }
  // The events of the last write are on their way when it is acknowledged.
  await setTimeout(100);
  await store.close();
  await watched;
}

/** One try, and a read where its outcome is not known; false where it is known that nothing was written. */
async function created(store: Store, key: string): Promise<boolean> {
  try {
    const { ok } = await store.write({ do: 'create', key, value: 'v'.repeat(2000) }, signal);
    if (!ok) process.stdout.write(`doubled ${key}\n`);
    return true;
  } catch (error) {
    process.stdout.write(`failed ${reasonOf(error)}\n`);
    if (reasonOf(error) !== 'Timeout') return false;
    const durable = (await readAtLast(store, key)) !== undefined;
    process.stdout.write(`${durable ? 'durable' : 'lost'} ${key}\n`);
    return durable;
  }
}

async function readAtLast(store: Store, key: string): Promise<StoredObject | undefined> {
  for (;;) {
    try {
      return await store.get(key, signal);
    } catch (error) {
      process.stdout.write(`unread ${reasonOf(error)}\n`);
      await setTimeout(20);
    }
  }
}

async function printEvents(watch: AsyncIterable<readonly StoreEvent[]>): Promise<void> {
  for await (const events of watch) {
    for (const event of events) process.stdout.write(`event ${event.type === 'put' ? event.object.key : event.key}\n`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'reason' in error ? String(error.reason) : String(error);
}

const [, , file, count] = process.argv;
try {
  if (file !== undefined) await (count === undefined ? main(file) : writeThrough(file, Number(count)));
} catch (error) {
  process.stdout.write(`refused ${reasonOf(error)} ${error instanceof Error ? error.message : ''}\n`);
  process.exitCode = 1;
}
