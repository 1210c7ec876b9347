import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** NAME.crt and NAME.key in `folder`, by openssl: an authority, or what `authority` of that folder signs for clients and servers on 127.0.0.1. */
export async function makeCertificate(folder: string, name: string, authority?: string): Promise<void> {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
  if (authority === undefined) {
    openssl('req', '-x509', ...keys, '-subj', `/CN=${name}`, '-days', '2', '-out', `${name}.crt`);
    return;
  }
  openssl('req', ...keys, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
  await writeFile(join(folder, 'leaf.ext'), 'extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:127.0.0.1\n');
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '1', '-extfile', 'leaf.ext', '-out', `${name}.crt`);
}
