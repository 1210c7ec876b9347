import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEtcdTls } from '../../cmd/cloudd/etcd-tls.ts';
import type { EtcdTls } from '../../server/store/etcd-client.ts';
import { openEtcdStore } from '../../server/store/etcd.ts';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import { run, type Outcome } from '../cloud.ts';
import { requires } from '../prerequisites.ts';
import { makeCertificate as makeCertificateIn } from '../programs/certificates.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';

const signal = AbortSignal.timeout(600_000);
let folder: string;
let tls: EtcdTls;
let stranger: EtcdTls;
let etcd: TestEtcd;

const storeCommand = (...args: readonly string[]): Promise<Outcome> =>
  run(process.execPath, ['--disable-warning=ExperimentalWarning', 'cmd/cloudd/main.ts', 'store', ...args]);
const at = (name: string): string => join(folder, name);
const makeCertificate = (name: string, authority?: string): Promise<void> => makeCertificateIn(folder, name, authority);

requires('etcd', 'openssl')('an etcd that asks for client certificates', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'etcd-tls-'));
    await makeCertificate('ca');
    await makeCertificate('server', 'ca');
    await makeCertificate('client', 'ca');
    await makeCertificate('other-ca');
    await makeCertificate('stranger', 'other-ca');
    const files = { etcdCa: at('ca.crt'), etcdCert: at('client.crt'), etcdKey: at('client.key') };
    tls = (await readEtcdTls(files, ['https://127.0.0.1:2379'], signal)) ?? { ca: Buffer.alloc(0) };
    stranger = { ca: tls.ca, certificate: await readFile(at('stranger.crt')), key: await readFile(at('stranger.key')) };
    etcd = await startTestEtcd({ caFile: at('ca.crt'), certificateFile: at('server.crt'), keyFile: at('server.key'), client: tls });
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
    await rm(folder, { recursive: true });
  });

  const open = (credentials: EtcdTls) => openEtcdStore({ endpoints: [etcd.endpoint], tls: credentials, clock: realClock }, signal);

  test('serves reads, writes and watches to a client whose certificate it knows', async () => {
    const store = await open(tls);
    const start = await store.revision(signal);
    const next = store.watch('', start, signal)[Symbol.asyncIterator]().next();
    const written = await store.write({ do: 'create', key: '/k', value: 'v' }, signal);
    expect(written.ok).toBe(true);
    expect(await store.get('/k', signal)).toMatchObject({ value: 'v' });
    expect(await next).toMatchObject({ value: [{ type: 'put', object: { key: '/k', value: 'v' } }] });
    await store.close();
  });

  test('is backed up, restored into, checked and moved from, by cloudd store', async () => {
    const other = await startTestEtcd({ caFile: at('ca.crt'), certificateFile: at('server.crt'), keyFile: at('server.key'), client: tls });
    const files = (option: string): readonly string[] =>
      ['ca', 'cert', 'key'].flatMap((name) => [
        `${option}-${name}`,
        at(name === 'ca' ? 'ca.crt' : `client.${name === 'cert' ? 'crt' : 'key'}`),
      ]);
    const target = ['--etcd', other.endpoint, ...files('--etcd')];
    const done = { code: 0 };
    try {
      const [source, copy] = [join(folder, 'source'), join(folder, 'copy')];
      const store = await openSqliteStore({ file: join(source, 'store.db') }, signal);
      const value = '{"apiVersion":"v1","kind":"K","metadata":{"name":"k"}}';
      await store.write({ do: 'create', key: 'core/ks/k', value }, signal);
      await store.close();
      const backup = at('b');
      expect(await storeCommand('backup', '--data-dir', source, '--to', backup)).toMatchObject(done);
      expect(await storeCommand('restore', '--from', backup, '--etcd', other.endpoint, '--etcd-ca', at('ca.crt'))).toMatchObject({
        code: 1,
      });
      expect(await storeCommand('restore', '--from', backup, ...target)).toMatchObject(done);
      expect(await storeCommand('check', ...target)).toMatchObject(done);
      expect(await storeCommand('backup', ...target, '--to', at('c'))).toMatchObject(done);
      const move = ['migrate', '--from-etcd', other.endpoint, ...files('--from-etcd'), '--data-dir', copy];
      expect(await storeCommand(...move, ...files('--etcd'))).toMatchObject({
        stderr: 'error: what begins with --etcd goes with --etcd\n',
      });
      expect(await storeCommand(...move)).toMatchObject(done);
      const moved = await openSqliteStore({ file: join(copy, 'store.db') }, signal);
      expect(await moved.get('core/ks/k', signal)).toMatchObject({ value });
      await moved.close();
    } finally {
      await other.end();
    }
  }, 60_000);

  test('is not reached without a certificate, with one of another authority, or when its own is of another authority', async () => {
    await expect(open({ ca: tls.ca })).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await expect(open(stranger)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await expect(open({ ...tls, ca: await readFile(at('other-ca.crt')) })).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  }, 60_000);
});

test.each([
  ['a certificate without its key', { etcdCa: 'ca', etcdCert: 'cert' }, 'https://127.0.0.1:1', '--etcd-cert and --etcd-key go together'],
  ['a certificate without an authority', { etcdCert: 'cert', etcdKey: 'key' }, 'https://127.0.0.1:1', '--etcd-cert needs --etcd-ca'],
  ['an authority for a plain link', { etcdCa: 'ca' }, 'http://127.0.0.1:1', '--etcd-ca needs https:// endpoints'],
  ['a file that is not there', { etcdCa: '/nowhere/ca' }, 'https://127.0.0.1:1', '--etcd-ca /nowhere/ca cannot be read'],
])('%s is refused in words', async (_, files, endpoint, message) => {
  await expect(readEtcdTls(files, [endpoint], signal)).rejects.toMatchObject({ message });
});
