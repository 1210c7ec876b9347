import { requires } from '../../test/prerequisites.ts';
import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Clock } from '../../apis/meta/clock.ts';
import { isGoodAuthority, isGoodServerCertificate, newAuthority, newServerCertificate } from './certificates.ts';
import { ensureTls, ensureToken } from './credentials.ts';
import { integer, oid, tagged, time } from './der.ts';
import { kubeconfigOf, writeKubeconfig } from './kubeconfig.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const DAY = 86_400_000;
const NAMES = ['127.0.0.1', '::1', 'localhost', 'cloud-1.example'];
const { signal } = new AbortController();

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lenticular-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const clockAt = (now: number): Clock => ({ now: () => now, monotonic: () => 0, sleep: () => Promise.resolve() });

describe('DER', () => {
  test.each([
    ['a short length', tagged(0x04, Buffer.alloc(3)), '0403000000'],
    ['a small number', integer(Buffer.from([0, 0, 5])), '020105'],
    ['a number whose highest bit is set', integer(Buffer.from([0x80])), '02020080'],
    ['zero', integer(Buffer.from([0, 0])), '020100'],
    ['an object identifier with large arcs', oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['a time before 2050', time(NOW), `170d${Buffer.from('261121080000Z').toString('hex')}`],
    ['a time after 2049', time(Date.parse('2050-01-01T00:00:00Z')), `180f${Buffer.from('20500101000000Z').toString('hex')}`],
  ])('encodes %s', (_, der, hex) => {
    expect(der.toString('hex')).toBe(hex);
  });

  test('encodes a length of more than 127 bytes in as many bytes as it needs', () => {
    expect(tagged(0x04, Buffer.alloc(300)).subarray(0, 4).toString('hex')).toBe('0482012c');
  });
});

describe('certificates', () => {
  test('are read back as they were meant', () => {
    const authority = newAuthority(NOW);
    const ca = new X509Certificate(authority.cert);
    const server = new X509Certificate(newServerCertificate(authority, NAMES, NOW).cert);
    expect(ca.ca).toBe(true);
    expect(ca.validToDate.getTime()).toBe(NOW + 3650 * DAY);
    expect(ca.verify(ca.publicKey)).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.checkIssued(ca)).toBe(true);
    expect(server.verify(ca.publicKey)).toBe(true);
    expect(server.validToDate.getTime()).toBe(NOW + 365 * DAY);
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(server.checkIP('::1')).toBe('::1');
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkHost('elsewhere')).toBeUndefined();
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('carry any IPv6 address', () => {
    const authority = newAuthority(NOW);
    fc.assert(
      fc.property(
        fc.ipV6().filter((address) => !address.includes('.')),
        (address) => {
          const { cert } = newServerCertificate(authority, [address], NOW);
          return new X509Certificate(cert).checkIP(address) !== undefined;
        },
      ),
      { numRuns: 50 },
    );
  });

  requires('openssl')('for OpenSSL', () => {
    test('are good for the purpose of a server', () => {
      const authority = newAuthority(Date.now());
      writeFileSync(join(folder, 'ca.crt'), authority.cert);
      writeFileSync(join(folder, 'server.crt'), newServerCertificate(authority, NAMES, Date.now()).cert);
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost', '-CAfile', 'ca.crt', 'server.crt'];
      expect(execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' })).toBe('server.crt: OK\n');
    });
  });

  test('are good until 30 days before their end, for the same names, authority and key', () => {
    const authority = newAuthority(NOW);
    const server = newServerCertificate(authority, NAMES, NOW);
    expect(isGoodAuthority(authority, NOW + 3619 * DAY)).toBe(true);
    expect(isGoodAuthority(authority, NOW + 3620 * DAY)).toBe(false);
    expect(isGoodAuthority({ ...authority, key: server.key }, NOW)).toBe(false);
    expect(isGoodServerCertificate(server, authority, NAMES, NOW + 334 * DAY)).toBe(true);
    expect(isGoodServerCertificate(server, authority, NAMES, NOW + 335 * DAY)).toBe(false);
    expect(isGoodServerCertificate(server, authority, [...NAMES, 'new.example'], NOW)).toBe(false);
    expect(isGoodServerCertificate(server, authority, NAMES.slice(1), NOW)).toBe(false);
    expect(isGoodServerCertificate(server, newAuthority(NOW), NAMES, NOW)).toBe(false);
    expect(isGoodServerCertificate({ ...server, key: authority.key }, authority, NAMES, NOW)).toBe(false);
    expect(isGoodServerCertificate({ cert: 'broken', key: server.key }, authority, NAMES, NOW)).toBe(false);
  });
});

describe('the folder of credentials', () => {
  test('keeps its certificates while they are good, and re-issues the server’s under the same authority', async () => {
    const first = await ensureTls(folder, NAMES, clockAt(NOW), signal);
    expect(await ensureTls(folder, NAMES, clockAt(NOW + DAY), signal)).toEqual(first);
    const renewed = await ensureTls(folder, NAMES, clockAt(NOW + 340 * DAY), signal);
    expect(renewed.ca).toBe(first.ca);
    expect(renewed.cert).not.toBe(first.cert);
    const renamed = await ensureTls(folder, ['localhost'], clockAt(NOW + 340 * DAY), signal);
    expect(renamed.cert).not.toBe(renewed.cert);
    const replaced = await ensureTls(folder, NAMES, clockAt(NOW + 3640 * DAY), signal);
    expect(replaced.ca).not.toBe(first.ca);
  });

  test('holds only files that nobody else reads', async () => {
    await ensureTls(folder, NAMES, clockAt(NOW), signal);
    await ensureToken(folder, 'admin', signal);
    await writeKubeconfig(join(folder, 'kubeconfig'), { server: 'https://127.0.0.1:1', ca: 'CA', user: 'admin', token: 't' }, signal);
    const files = readdirSync(folder).sort();
    expect(files).toEqual(['admin.token', 'ca.crt', 'ca.key', 'kubeconfig', 'server.crt', 'server.key']);
    expect(files.map((file) => statSync(join(folder, file)).mode & 0o777)).toEqual(files.map(() => 0o600));
  });

  test('keeps a token, and closes a file that others could read', async () => {
    const token = await ensureToken(folder, 'admin', signal);
    expect(token).toMatch(/^[\w-]{43}$/);
    writeFileSync(join(folder, 'other.token'), `${'x'.repeat(40)}\n`, { mode: 0o644 });
    expect(await ensureToken(folder, 'admin', signal)).toBe(token);
    expect(await ensureToken(folder, 'other', signal)).toBe('x'.repeat(40));
    expect(statSync(join(folder, 'other.token')).mode & 0o777).toBe(0o600);
  });

  test('gives a kubeconfig that holds all that a client needs', () => {
    const text = kubeconfigOf({ server: 'https://127.0.0.1:6443', ca: 'CA\n', user: 'admin', token: 'secret' });
    expect(text).toContain('server: "https://127.0.0.1:6443"');
    expect(text).toContain(`certificate-authority-data: ${Buffer.from('CA\n').toString('base64')}`);
    expect(text).toContain('token: "secret"');
  });
});
