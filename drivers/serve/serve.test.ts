import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { newAuthority, newServerCertificate } from '../../server/http/certificates.ts';
import { bits, integer, oid, sequence, set, time, utf8 } from '../../server/http/der.ts';
import { realClock } from '../../test/programs/clock.ts';
import type { Driver, DriverEvent } from '../contract/driver.ts';
import { DRIVER_CALLS, WATCH_CALL } from '../contract/wire/driver.ts';
import { openChannel } from '../dial/channel.ts';
import { dialAddress } from '../dial/dial.ts';
import { createSimDriver } from '../sim/driver.ts';
import type { Listen } from './address.ts';
import { parseProgramArguments } from './program.ts';
import { serve } from './serve.ts';

const { signal } = new AbortController();
const sim = createSimDriver({ worldFile: ':memory:', clock: realClock, version: '1.2.3' });
let folder = '';
let faults: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-'));
  faults = [];
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => sim.close());

/** Serves until the returned function is called; gives the handshake. */
async function served(listen: Listen, driver: Driver = sim.driver): Promise<{ handshake: string; end: () => Promise<void> }> {
  const ending = new AbortController();
  let done: Promise<void> = Promise.resolve();
  const handshake = await new Promise<string>((resolve, reject) => {
    done = serve(driver, { listen, announce: resolve, onFault: (_call, error) => faults.push(String(error)) }, ending.signal);
    done.catch(reject);
  });
  const end = async (): Promise<void> => {
    ending.abort(new Error('enough'));
    await done;
  };
  return { handshake, end };
}

type KeyPair = ReturnType<typeof newAuthority>;

/** A certificate for a caller: of the first version, which may be used for anything. */
function callerCertificate(authority: KeyPair): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const commonName = (name: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(name))));
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const issuer = commonName(new X509Certificate(authority.cert).subject.replace(/^CN=/, ''));
  const validity = sequence(time(Date.now() - 60_000), time(Date.now() + 3_600_000));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(integer(Buffer.from([7])), algorithm, issuer, validity, commonName('caller'), spki);
  const der = sequence(body, algorithm, bits(sign('sha256', body, authority.key)));
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function tlsFiles(name: string, authority: KeyPair, { cert, key }: KeyPair): { ca: string; cert: string; key: string } {
  const files = { ca: join(folder, `${name}-ca`), cert: join(folder, `${name}-cert`), key: join(folder, `${name}-key`) };
  writeFileSync(files.ca, authority.cert);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}

test('the handshake says where and who, and the socket is for its owner alone', async () => {
  const path = join(folder, 's.sock');
  const { handshake, end } = await served({ kind: 'unix', path });
  expect(handshake).toBe(`1|v1alpha1|unix|${path}|grpc|sim/1.2.3`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await end();
});

test('a socket in a folder that others may enter, or with a path that is too long, is refused', async () => {
  const long = `${'/x'.repeat(60)}/s.sock`;
  await expect(served({ kind: 'unix', path: long })).rejects.toThrow(/at most 107/);
  chmodSync(folder, 0o755);
  await expect(served({ kind: 'unix', path: join(folder, 's.sock') })).rejects.toThrow(/chmod 700/);
});

test('over TCP both sides prove who they are', async () => {
  const authority = newAuthority(Date.now());
  const tls = tlsFiles('driver', authority, newServerCertificate(authority, ['127.0.0.1'], Date.now()));
  const { handshake, end } = await served({ kind: 'tcp', host: '127.0.0.1', port: 0, tls });
  const address = handshake.split('|')[3] ?? '';
  const caller = callerCertificate(authority);
  try {
    const files = tlsFiles('caller', authority, caller);
    const driver = await dialAddress({ probeMs: 60_000, log: () => undefined, clock: realClock, name: 'sim', address, tls: files }, signal);
    expect(driver.instance()?.name).toBe('sim');
    await driver.close();
    const ca = Buffer.from(authority.cert);
    const stranger = callerCertificate(newAuthority(Date.now()));
    const refused = [
      credentials.createInsecure(),
      credentials.createSsl(ca),
      credentials.createSsl(ca, Buffer.from(stranger.key), Buffer.from(stranger.cert)),
      credentials.createSsl(Buffer.from(newAuthority(Date.now()).cert), Buffer.from(caller.key), Buffer.from(caller.cert)),
    ];
    for (const secrets of refused) {
      const channel = openChannel(address, secrets, () => Date.now());
      await expect(channel.call(DRIVER_CALLS.identity.getInfo, [], 1500, signal)).rejects.toMatchObject({ name: 'DriverError' });
      channel.close();
    }
  } finally {
    await end();
  }
}, 20_000);

test('a service that the driver does not have, bytes that are no message, and a fault of the driver each have their code', async () => {
  const path = join(folder, 's.sock');
  const { machine: _machine, ...rest } = sim.driver;
  const broken = { ...rest, disk: { ...rest.disk, list: () => Promise.reject(new TypeError('password=hunter2')) } } as Driver;
  const { end } = await served({ kind: 'unix', path }, broken);
  const channel = openChannel(`unix:${path}`, credentials.createInsecure(), () => Date.now());
  const context = { session: 'x', trace: '' };
  const missing = channel.call(DRIVER_CALLS.machine.list, [context], 1000, signal);
  await expect(missing).rejects.toMatchObject({ code: 'UNIMPLEMENTED', reason: 'CAPABILITY_MISSING' });
  const garbage = { ...DRIVER_CALLS.disk.get, encodeRequest: () => new Uint8Array([255, 255, 255]) };
  await expect(channel.call(garbage, [context, 'x'], 1000, signal)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  const fault = channel.call(DRIVER_CALLS.disk.list, [context], 1000, signal);
  await expect(fault).rejects.toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('hunter2') as string });
  expect(faults).toEqual(['TypeError: password=hunter2']);
  channel.close();
  await end();
});

test('a deadline and a cancellation reach the implementation', async () => {
  const path = join(folder, 's.sock');
  const aborted: boolean[] = [];
  const probe = (given: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      given.addEventListener('abort', () => {
        aborted.push(true);
        reject(given.reason as Error);
      });
    });
  const { end } = await served({ kind: 'unix', path }, { ...sim.driver, identity: { ...sim.driver.identity, probe } });
  const channel = openChannel(`unix:${path}`, credentials.createInsecure(), () => Date.now());
  await expect(channel.call(DRIVER_CALLS.identity.probe, [], 100, signal)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  const cancelling = new AbortController();
  const call = channel.call(DRIVER_CALLS.identity.probe, [], 5000, cancelling.signal);
  await realClock.sleep(100, signal);
  const reason = new Error('not wanted');
  cancelling.abort(reason);
  await expect(call).rejects.toBe(reason);
  await realClock.sleep(200, signal);
  expect(aborted).toEqual([true, true]);
  channel.close();
  await end();
});

test('the command line of a driver says in one sentence what is wrong with it', () => {
  expect(parseProgramArguments(['--listen', 'unix:/run/x.sock', '--state-dir', '/x'])).toEqual({
    listen: { kind: 'unix', path: '/run/x.sock' },
    stateDir: '/x',
    exitWithStdin: false,
  });
  expect(() => parseProgramArguments([])).toThrow(/--listen is required/);
  expect(() => parseProgramArguments(['--listen', 'unix:/x'])).toThrow(/--state-dir is required/);
  expect(() => parseProgramArguments(['--listen', '0.0.0.0:1', '--state-dir', '/x'])).toThrow(/needs --tls-ca/);
  expect(() => parseProgramArguments(['--listen', 'nonsense', '--state-dir', '/x'])).toThrow(/HOST:PORT/);
});

/** A driver whose watch says this, and stands then. */
function saying(...said: readonly DriverEvent[]): Driver {
  return {
    ...sim.driver,
    async *watch(until) {
      yield* said;
      await new Promise<void>((resolve) => until.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
}

const RESYNC: DriverEvent = { sequence: 4, type: 'RESYNC', session: '', uid: '' };
const BEAT: DriverEvent = { sequence: 4, type: 'BEAT', session: '', uid: '', silent: ['s-1'] };
const LAST: DriverEvent = { sequence: 5, type: 'host', session: 's-2', uid: '' };

describe('a beat', () => {
  test('comes over the wire with its list, in parts, and tells of an event that was lost before it', async () => {
    const path = join(folder, 'd.sock');
    const beats: readonly DriverEvent[] = [
      { ...BEAT, more: true },
      { ...BEAT, silent: [] },
      { ...BEAT, sequence: 6 },
      { ...LAST, sequence: 7 },
    ];
    const { end } = await served({ kind: 'unix', path }, saying(RESYNC, ...beats));
    const channel = openChannel(`unix:${path}`, credentials.createInsecure(), () => Date.now());
    const heard: DriverEvent[] = [];
    for await (const event of channel.watch(signal)) {
      heard.push(event);
      if (event.type === 'host') break;
    }
    expect(heard).toEqual([RESYNC, beats[0], beats[1], { ...RESYNC, sequence: 6 }, beats[2], beats[3]]);
    channel.close();
    await end();
  });

  test('is not sent to a caller of before beats, and leaves no gap for it', async () => {
    const path = join(folder, 'd.sock');
    const { end } = await served({ kind: 'unix', path }, saying(RESYNC, BEAT, LAST));
    const client = new Client(`unix:${path}`, credentials.createInsecure());
    const asIs = (bytes: Buffer): Buffer => bytes;
    const stream = client.makeServerStreamRequest(WATCH_CALL.path, asIs, asIs, Buffer.alloc(0));
    stream.on('error', () => undefined);
    const heard: DriverEvent[] = [];
    for await (const bytes of stream as AsyncIterable<Uint8Array>) if (heard.push(WATCH_CALL.decodeEvent(bytes)) === 2) break;
    expect(heard).toEqual([RESYNC, LAST]);
    client.close();
    await end();
  });
});
