import { readFile } from 'node:fs/promises';
import type { EtcdTls } from '../../server/store/etcd-client.ts';
import { OperatorError } from './operator-error.ts';

/** The files of --etcd-ca, --etcd-cert and --etcd-key. */
export interface EtcdTlsFiles {
  readonly etcdCa?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
  /** What the options begin with, where that is not "--etcd". */
  readonly optionPrefix?: string;
}

/** Reads the files that the options name; undefined for endpoints without TLS. Throws OperatorError for options that do not fit together. */
export async function readEtcdTls(files: EtcdTlsFiles, endpoints: readonly string[], signal: AbortSignal): Promise<EtcdTls | undefined> {
  const { etcdCa, etcdCert, etcdKey, optionPrefix: etcd = '--etcd' } = files;
  if ((etcdCert === undefined) !== (etcdKey === undefined)) throw new OperatorError(`${etcd}-cert and ${etcd}-key go together`);
  if (etcdCa === undefined) {
    if (etcdCert !== undefined) throw new OperatorError(`${etcd}-cert needs ${etcd}-ca`);
    return undefined;
  }
  // Else the files would be read and the link be plain all the same.
  if (endpoints.some((endpoint) => !endpoint.startsWith('https:'))) throw new OperatorError(`${etcd}-ca needs https:// endpoints`);
  const read = async (option: string, file: string): Promise<Buffer> => {
    try {
      return await readFile(file, { signal });
    } catch (cause) {
      throw new OperatorError(`${option} ${file} cannot be read`, { cause });
    }
  };
  const ca = await read(`${etcd}-ca`, etcdCa);
  if (etcdCert === undefined || etcdKey === undefined) return { ca };
  return { ca, certificate: await read(`${etcd}-cert`, etcdCert), key: await read(`${etcd}-key`, etcdKey) };
}
