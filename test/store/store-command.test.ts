import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LeaseKind } from '../../apis/coordination/v1/lease/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { createClient } from '../../client/api-client.ts';
import type { Client } from '../../client/client.ts';
import { connectBy } from '../../client/kubeconfig.ts';
import { reflect } from '../../client/reflector.ts';
import { openEtcdSnapshot } from '../../server/store/etcd-snapshot.ts';
import { openEtcdStore } from '../../server/store/etcd.ts';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import type { Store, StoredObject } from '../../server/store/store.ts';
import { COMPILE_CACHE, eventually, run, startCloud, type Cloud, type Outcome } from '../cloud.ts';
import { requires } from '../prerequisites.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { simCalls } from '../sim.ts';

const MAIN = ['--disable-warning=ExperimentalWarning', 'cmd/cloudd/main.ts', 'store'];
const LEASES = 'coordination.k8s.io/leases/';
const signal = AbortSignal.timeout(600_000);

function storeCommand(...args: readonly string[]): Promise<Outcome> {
  return run(process.execPath, [...MAIN, ...args], { env: { NODE_COMPILE_CACHE: COMPILE_CACHE } });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function contentOf(open: Promise<Store>): Promise<readonly StoredObject[]> {
  const store = await open;
  try {
    return (await store.list('', signal)).objects;
  } finally {
    await store.close();
  }
}

requires('kubectl', 'etcd')('cloudd store', () => {
  let etcd: TestEtcd;
  let cloud: Cloud;
  let folder: string;
  let client: Client;
  let port: string;
  let backup: string;
  /** The incarnation after the first move. */
  let moved: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-command-'));
    port = String(await freePort());
    etcd = await startTestEtcd();
    cloud = await startCloud('--sample', 'quickstart', '--port', port);
    const { transport } = await connectBy({ file: cloud.kubeconfig }, realClock, signal);
    client = createClient({ transport, caller: { name: 'admin', groups: [] }, userAgent: 'test' });
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
    await etcd.end();
    await rm(folder, { recursive: true });
  });

  /** Eight writers create Leases until `work` is done; gives what each had acknowledged before it began. */
  async function underLoad(prefix: string, work: () => Promise<void>): Promise<readonly number[]> {
    let done = false;
    const counts = Array.from({ length: 8 }, () => 0);
    const writers = counts.map(async (_, writer) => {
      for (let at = 0; !done; at += 1) {
        const metadata = { namespace: 'default', name: `${prefix}-${String(writer)}-${String(at)}` };
        await client.create(LeaseKind, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} }, signal);
        counts[writer] = at + 1;
      }
    });
    await eventually('every writer has written', 20_000, () => counts.every((count) => count >= 5) || undefined);
    const before = [...counts];
    try {
      await work();
    } finally {
      done = true;
      await Promise.all(writers);
    }
    expect(Math.min(...counts.map((count, writer) => count - (before[writer] ?? 0)))).toBeGreaterThan(0);
    return before;
  }

  /** The Leases restored are those of one moment: all that were created up to the newest of them, and none after. */
  async function expectOneMoment(prefix: string, before: readonly number[], restored: readonly StoredObject[]): Promise<void> {
    const names = (keys: readonly string[]): string[] => keys.filter((key) => key.startsWith(`${prefix}-`)).sort();
    const there = names(restored.filter(({ key }) => key.startsWith(LEASES)).map(({ key }) => key.split('/').at(-1) ?? ''));
    const { items } = await client.list<ApiObject>(LeaseKind, { namespace: 'default' }, signal);
    const versions = new Map(items.map(({ metadata }) => [metadata.name, BigInt(metadata.resourceVersion)]));
    const newest = there.map((name) => versions.get(name) ?? 0n).reduce((left, right) => (left > right ? left : right), 0n);
    expect(there).toEqual(names([...versions].filter(([, version]) => version <= newest).map(([name]) => name)));
    for (const [writer, count] of before.entries()) {
      expect(there.filter((name) => name.startsWith(`${prefix}-${String(writer)}-`)).length).toBeGreaterThanOrEqual(count);
    }
  }

  test('a backup of SQLite under load, restored elsewhere, is the store of one moment', async () => {
    backup = join(folder, 'sqlite.backup');
    const before = await underLoad('a', async () => {
      expect(await storeCommand('backup', '--data-dir', cloud.dataDir, '--to', backup)).toMatchObject({ code: 0, stderr: '' });
    });
    expect((await stat(backup)).mode & 0o777).toBe(0o600);
    expect(existsSync(`${backup}.tmp`)).toBe(false);
    const elsewhere = join(folder, 'elsewhere');
    expect(await storeCommand('restore', '--from', backup, '--data-dir', elsewhere)).toMatchObject({ code: 0 });
    expect(await storeCommand('check', '--data-dir', elsewhere)).toMatchObject({ code: 0 });
    await expectOneMoment('a', before, await contentOf(openSqliteStore({ file: join(elsewhere, 'store.db') }, signal)));
    const again = join(folder, 'again');
    expect(await storeCommand('restore', '--from', backup, '--data-dir', again)).toMatchObject({ code: 0 });
    const [one = [], two = []] = await Promise.all([elsewhere, again].map(incarnationsIn));
    expect(Math.min(...two)).toBeGreaterThan(Math.max(...one));
  }, 60_000);

  /** What a store says of itself, and what it tells drivers. */
  async function incarnationsIn(dataDir: string): Promise<readonly number[]> {
    const store = await openSqliteStore({ file: join(dataDir, 'store.db') }, signal);
    const namespace = await store.get('core/namespaces/lenticular-system', signal);
    await store.close();
    return [store.identity.incarnation, Number(/"ops.lenticular.dev\/incarnation":"(\d+)"/.exec(namespace?.value ?? '')?.[1])];
  }

  test('a restore onto live data, a backup onto a file and a server on a backup are refused, and nothing changes', async () => {
    const file = join(folder, 'elsewhere', 'store.db');
    const digest = await digestOf(file);
    expect(await storeCommand('restore', '--from', backup, '--data-dir', cloud.dataDir)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('in use') as string,
    });
    expect(await storeCommand('restore', '--from', backup, '--data-dir', join(folder, 'elsewhere'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('holds objects') as string,
    });
    expect(await digestOf(file)).toBe(digest);
    const saved = await digestOf(backup);
    expect(await storeCommand('backup', '--data-dir', cloud.dataDir, '--to', backup)).toMatchObject({ code: 1 });
    expect(await digestOf(backup)).toBe(saved);
    await mkdir(join(folder, 'copied'));
    await copyFile(backup, join(folder, 'copied', 'store.db'));
    await expect(openSqliteStore({ file: join(folder, 'copied', 'store.db') }, signal)).rejects.toMatchObject({
      message: expect.stringContaining('is a backup') as string,
    });
  }, 30_000);

  test('a damaged backup and a foreign file are found by the check and refused by the restore', async () => {
    const damaged = join(folder, 'damaged.backup');
    const bytes = await readFile(backup);
    const at = bytes.indexOf('"holderIdentity"') + 1;
    expect(at).toBeGreaterThan(1);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(damaged, bytes);
    expect((await storeCommand('check', '--from', damaged)).stdout).toContain('digest differs');
    const foreign = join(folder, 'notes.txt');
    await writeFile(foreign, 'these are notes');
    for (const file of [damaged, foreign]) {
      expect(await storeCommand('check', '--from', file)).toMatchObject({ code: 1 });
      expect(await storeCommand('restore', '--from', file, '--data-dir', join(folder, 'never'))).toMatchObject({ code: 1 });
      expect(existsSync(join(folder, 'never', 'store.db'))).toBe(false);
    }
  }, 30_000);

  async function shardLeader(): Promise<string> {
    const words = ['get', 'lease', 'shard-zone-1', '-n', 'lenticular-system', '-o', 'jsonpath={.spec.holderIdentity}'];
    return (await cloud.kubectl(...words)).stdout;
  }

  /** Moves the cloud while a reflector looks on; it must see all again, and drivers must be asked to change nothing. */
  async function moves(move: () => Promise<void>, again: readonly string[]): Promise<void> {
    const ended = new AbortController();
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const view = reflect<ApiObject>(client, ZoneKind, { clock: realClock, random: Math.random, log }, ended.signal);
    await view.synced(signal);
    const before = await client.list<ApiObject>(ZoneKind, {}, signal);
    const calls = await simCalls(cloud);
    const leader = await shardLeader();
    expect(await cloud.interrupt()).toBe(0);
    await move();
    await cloud.start(...again, '--sample', 'none', '--port', port);
    const after = await client.list<ApiObject>(ZoneKind, {}, signal);
    expect(BigInt(after.items[0]?.metadata.resourceVersion ?? 0)).toBeGreaterThan(BigInt(before.resourceVersion));
    const old = client.watch(ZoneKind, { resourceVersion: before.resourceVersion }, AbortSignal.timeout(10_000))[Symbol.asyncIterator]();
    await expect(old.next()).rejects.toMatchObject({ reason: 'Expired' });
    const label = `moved-${again[1] ?? 'back'}`;
    const patched = await client.patch<ApiObject>(ZoneKind, { name: 'zone-1' }, { metadata: { labels: { [label]: 'yes' } } }, signal);
    await eventually('the reflector goes on', 40_000, () => view.get({ name: 'zone-1' })?.metadata.labels?.[label]);
    expect(BigInt(patched.metadata.resourceVersion)).toBeGreaterThan(BigInt(before.resourceVersion));
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
    await eventually('the zone has a new leader', 40_000, async () => (await shardLeader()) !== leader || undefined);
    // Longer than its first looks at every object take.
    await delay(2_000);
    expect(await simCalls(cloud)).toEqual(calls);
    // Stopped and started again: the driver takes the raised incarnation.
    const starts = calls['machine.start'] ?? 0;
    for (const running of [false, true]) {
      expect(await cloud.kubectl('patch', 'vm', 'vm-1', '--type', 'merge', '-p', JSON.stringify({ spec: { running } }))).toMatchObject({
        code: 0,
      });
      const state = running ? 'Running' : 'Stopped';
      expect(await cloud.kubectl('wait', 'vm/vm-1', `--for=jsonpath={.status.powerState}=${state}`, '--timeout=60s')).toMatchObject({
        code: 0,
      });
    }
    expect((await simCalls(cloud))['machine.start']).toBe(starts + 1);
    ended.abort();
  }

  async function incarnation(): Promise<number> {
    const words = ['get', 'namespace', 'lenticular-system', '-o', 'jsonpath={.metadata.annotations.ops\\.lenticular\\.dev/incarnation}'];
    return Number((await cloud.kubectl(...words)).stdout);
  }

  test('a cloud goes on after its migration to etcd: informers list again, drivers take the raised incarnation', async () => {
    await moves(async () => {
      expect(await storeCommand('migrate', '--from-data-dir', cloud.dataDir, '--etcd', etcd.endpoint)).toMatchObject({ code: 0 });
    }, ['--store', 'etcd', '--etcd', etcd.endpoint]);
    moved = await incarnation();
    expect(moved).toBeGreaterThan(1);
    await expect(openSqliteStore({ file: join(cloud.dataDir, 'store.db') }, signal)).rejects.toMatchObject({
      message: expect.stringContaining('was moved') as string,
    });
    expect(await storeCommand('check', '--etcd', etcd.endpoint)).toMatchObject({ code: 0 });
    expect(await storeCommand('restore', '--from', backup, '--etcd', etcd.endpoint)).toMatchObject({ code: 1 });
  }, 150_000);

  test('a backup of etcd under load, restored elsewhere, is the store of one moment', async () => {
    const file = join(folder, 'etcd.backup');
    const before = await underLoad('b', async () => {
      expect(await storeCommand('backup', '--etcd', etcd.endpoint, '--to', file)).toMatchObject({ code: 0, stderr: '' });
    });
    expect(await storeCommand('restore', '--from', file, '--data-dir', join(folder, 'from-etcd'))).toMatchObject({ code: 0 });
    await expectOneMoment('b', before, await contentOf(openSqliteStore({ file: join(folder, 'from-etcd', 'store.db') }, signal)));
  }, 60_000);

  test('a migration fences a server that still runs on the etcd it leaves', async () => {
    const options = { endpoints: [etcd.endpoint], clock: realClock };
    const left = await openEtcdStore(options, signal);
    await moves(async () => {
      await rename(join(cloud.dataDir, 'store.db'), join(folder, 'moved-away.db'));
      expect(await storeCommand('migrate', '--from-etcd', etcd.endpoint, '--data-dir', cloud.dataDir)).toMatchObject({ code: 0 });
      await expect(left.write({ do: 'create', key: 'late', value: '{}' }, signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    }, ['--store', 'sqlite']);
    await left.close();
    expect(await incarnation()).toBeGreaterThan(moved);
    await expect(openEtcdStore(options, signal)).rejects.toMatchObject({ message: expect.stringContaining('was moved') as string });
  }, 150_000);

  test('a restore that was killed leaves nothing that a server would open, and is finished by running it again', async () => {
    const source = join(folder, 'many', 'store.db');
    const store = await openSqliteStore({ file: source }, signal);
    const value = (name: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'K', metadata: { name }, text: 'x'.repeat(1000) });
    for (let at = 0; at < 20_000; at += 2_000) {
      const keys = Array.from({ length: 2_000 }, (_, index) => `k${String(at + index)}`);
      await Promise.all(keys.map((name) => store.write({ do: 'create', key: `core/ks/${name}`, value: value(name) }, signal)));
    }
    await store.close();
    const many = join(folder, 'many.backup');
    expect(await storeCommand('backup', '--data-dir', join(folder, 'many'), '--to', many)).toMatchObject({ code: 0 });
    const fresh = await startTestEtcd();
    try {
      const options = { endpoints: [fresh.endpoint], clock: realClock };
      await killedWhen(['restore', '--from', many, '--etcd', fresh.endpoint], async () => {
        // Looked at from here, because a process of its own comes too late on a busy machine.
        const seen = await openEtcdSnapshot(options, signal).catch(() => undefined);
        seen?.close();
        return seen?.state === 'restoring';
      });
      await expect(openEtcdStore(options, signal)).rejects.toMatchObject({ message: expect.stringContaining('half copied') as string });
      expect(await storeCommand('restore', '--from', many, '--etcd', fresh.endpoint)).toMatchObject({ code: 0 });
      expect(await contentOf(openEtcdStore(options, signal))).toHaveLength(20_000);
      const dataDir = join(folder, 'killed');
      await killedWhen(['restore', '--from', many, '--data-dir', dataDir], () =>
        Promise.resolve(existsSync(join(dataDir, 'store.db.tmp'))),
      );
      expect(existsSync(join(dataDir, 'store.db'))).toBe(false);
      expect(await storeCommand('restore', '--from', many, '--data-dir', dataDir)).toMatchObject({ code: 0 });
      expect(await contentOf(openSqliteStore({ file: join(dataDir, 'store.db') }, signal))).toHaveLength(20_000);
    } finally {
      await fresh.end();
    }
  }, 120_000);
});

/** Runs a command and kills it, with kill -9, in the state that `reached` sees; fails when the command ends before. */
async function killedWhen(args: readonly string[], reached: () => Promise<boolean>): Promise<void> {
  const child = spawn(process.execPath, [...MAIN, ...args], { stdio: 'ignore' });
  const gone = once(child, 'exit');
  await eventually(`${args.join(' ')} is under way`, 30_000, async () => {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended before it could be killed`);
    return (await reached()) || undefined;
  });
  child.kill('SIGKILL');
  await gone;
  expect(child.signalCode).toBe('SIGKILL');
}
