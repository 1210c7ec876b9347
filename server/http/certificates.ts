import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, explicit, implicit, integer, octets, oid, sequence, set, time, utf8, yes, type Der } from './der.ts';

/** A certificate and its private key, both as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const SERVER_DAYS = 365;
const RENEW_DAYS = 30;
/** Clocks of clients may be behind ours. */
const SKEW_MS = 3_600_000;

const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SUBJECT_KEY_ID = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const AUTHORITY_KEY_ID = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

interface Issue {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly issuer: { readonly subject: string; readonly key: KeyObject; readonly keyId: Buffer };
  readonly nowMs: number;
  readonly days: number;
  readonly extensions: readonly Der[];
}

function nameOf(commonName: string): Der {
  return sequence(set(sequence(oid(COMMON_NAME), utf8(commonName))));
}

function extension(id: string, value: Der, critical = false): Der {
  return sequence(oid(id), ...(critical ? [yes()] : []), octets(value));
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20);
}

function pemOf(label: string, der: Der): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function issue({ subject, publicKey, issuer, nowMs, days, extensions }: Issue): string {
  const algorithm = sequence(oid(ECDSA_SHA256));
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  const tbs = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    nameOf(issuer.subject),
    sequence(time(nowMs - SKEW_MS), time(nowMs + days * DAY_MS)),
    nameOf(subject),
    spkiOf(publicKey),
    explicit(
      3,
      sequence(
        extension(SUBJECT_KEY_ID, octets(keyIdOf(publicKey))),
        extension(AUTHORITY_KEY_ID, sequence(implicit(0, issuer.keyId))),
        ...extensions,
      ),
    ),
  );
  return pemOf('CERTIFICATE', sequence(tbs, algorithm, bits(sign('sha256', tbs, issuer.key))));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (part: string | undefined): readonly string[] => (part === undefined || part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const middle = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...middle, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function alternativeName(name: string): Der {
  return isIP(name) === 0 ? implicit(2, Buffer.from(name, 'latin1')) : implicit(7, addressBytes(name));
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject; readonly pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { publicKey, privateKey, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A new certificate authority, valid for ten years, that may sign servers and nothing below. */
export function newAuthority(nowMs: number): KeyPair {
  const { publicKey, privateKey, pem } = newKeys();
  // The name carries the key, so that a client never takes one installation's authority for another's.
  const subject = `lenticular-ca-${keyIdOf(publicKey).toString('hex').slice(0, 12)}`;
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(yes(), integer(Buffer.from([0]))), true),
    extension(KEY_USAGE, bits(Buffer.from([0b0000_0110]), 1), true),
  ];
  const issuer = { subject, key: privateKey, keyId: keyIdOf(publicKey) };
  return { cert: issue({ subject, publicKey, issuer, nowMs, days: CA_DAYS, extensions }), key: pem };
}

/** A new server certificate for DNS names and IP addresses, valid for a year, or as long as its authority where that ends sooner. */
export function newServerCertificate(authority: KeyPair, names: readonly string[], nowMs: number): KeyPair {
  const ca = new X509Certificate(authority.cert);
  const { publicKey, pem } = newKeys();
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(), true),
    extension(KEY_USAGE, bits(Buffer.from([0b1000_0000]), 7), true),
    extension(EXTENDED_KEY_USAGE, sequence(oid(SERVER_AUTH))),
    extension(SUBJECT_ALT_NAME, sequence(...names.map(alternativeName))),
  ];
  const issuer = { subject: ca.subject.replace(/^CN=/, ''), key: createPrivateKey(authority.key), keyId: keyIdOf(ca.publicKey) };
  const left = Math.floor((ca.validToDate.getTime() - nowMs) / DAY_MS);
  return { cert: issue({ subject: 'lenticular', publicKey, issuer, nowMs, days: Math.min(SERVER_DAYS, left), extensions }), key: pem };
}

function lasts(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.validFromDate.getTime() <= nowMs && certificate.validToDate.getTime() - nowMs > RENEW_DAYS * DAY_MS;
}

/** Whether an authority can be used for 30 more days. */
export function isGoodAuthority({ cert, key }: KeyPair, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.ca && lasts(certificate, nowMs) && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // What cannot be read is made anew.
    return false;
  }
}

/** Whether a server certificate was signed by this authority, is for exactly these names, and lasts 30 more days. */
export function isGoodServerCertificate(server: KeyPair, authority: KeyPair, names: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(server.cert);
    const named = names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined);
    const exactly = (certificate.subjectAltName ?? '').split(', ').length === names.length;
    const signed = certificate.verify(new X509Certificate(authority.cert).publicKey);
    return named && exactly && signed && lasts(certificate, nowMs) && certificate.checkPrivateKey(createPrivateKey(server.key));
  } catch {
    // What cannot be read is made anew.
    return false;
  }
}
