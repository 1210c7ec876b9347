import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../apis/meta/clock.ts';
import { isGoodAuthority, isGoodServerCertificate, newAuthority, newServerCertificate, type KeyPair } from './certificates.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** What a server needs to speak TLS, and what its clients need to trust it; all PEM. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

async function readPair(folder: string, name: string, signal: AbortSignal): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([
    readPrivateFile(join(folder, `${name}.crt`), signal),
    readPrivateFile(join(folder, `${name}.key`), signal),
  ]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

async function writePair(folder: string, name: string, { cert, key }: KeyPair, signal: AbortSignal): Promise<void> {
  await writePrivateFile(join(folder, `${name}.key`), key, signal);
  await writePrivateFile(join(folder, `${name}.crt`), cert, signal);
}

/** The certificates in `folder` (ca.crt, ca.key, server.crt, server.key; 0600): kept while they last 30 more days and fit the names, made anew otherwise. */
export async function ensureTls(folder: string, names: readonly string[], clock: Clock, signal: AbortSignal): Promise<TlsFiles> {
  const found = await readPair(folder, 'ca', signal);
  const authority = found !== undefined && isGoodAuthority(found, clock.now()) ? found : newAuthority(clock.now());
  if (authority !== found) await writePair(folder, 'ca', authority, signal);
  const known = await readPair(folder, 'server', signal);
  const good = known !== undefined && isGoodServerCertificate(known, authority, names, clock.now());
  const server = good ? known : newServerCertificate(authority, names, clock.now());
  if (server !== known) await writePair(folder, 'server', server, signal);
  return { ca: authority.cert, ...server };
}

/** The bearer token in `folder`/NAME.token (0600), made from 256 random bits where there is none; an emptied or shortened file is replaced. */
export async function ensureToken(folder: string, name: string, signal: AbortSignal): Promise<string> {
  const path = join(folder, `${name}.token`);
  const found = (await readPrivateFile(path, signal))?.trim();
  if (found !== undefined && found.length >= 32) return found;
  const token = randomBytes(32).toString('base64url');
  await writePrivateFile(path, `${token}\n`, signal);
  return token;
}
