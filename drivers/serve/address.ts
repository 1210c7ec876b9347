import { chmodSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';

/** Files of mutual TLS: who we are, and whose callers we believe. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where a driver listens: a socket in a folder that is nobody else's, or a port where callers prove who they are. */
export type Listen =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsFiles };

const MAX_SOCKET_PATH = 107;

/** The sentence that says why `path` cannot be a socket's path, or undefined. The kernel takes at most 107 bytes. */
export function socketPathProblem(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (!path.startsWith('/')) return `the socket's path ${path} must be absolute`;
  if (bytes > MAX_SOCKET_PATH)
    return `the socket's path has ${bytes} bytes, at most ${MAX_SOCKET_PATH} work: choose a shorter folder (${path})`;
  return undefined;
}

/** Throws where the folder of a socket could be entered by somebody else. */
export function checkSocketFolder(path: string): void {
  const problem = socketPathProblem(path);
  if (problem !== undefined) throw new Error(problem);
  const folder = dirname(path);
  const { mode, uid } = statSync(folder);
  if ((mode & 0o077) !== 0) throw new Error(`the socket's folder ${folder} must be its owner's alone: chmod 700 it`);
  if (uid !== process.getuid?.()) throw new Error(`the socket's folder ${folder} belongs to another user`);
}

/** What gRPC binds to, and with which credentials; reads the TLS files. */
export function bindingOf(listen: Listen): { readonly target: string; readonly credentials: ServerCredentials } {
  if (listen.kind === 'unix') {
    checkSocketFolder(listen.path);
    return { target: `unix:${listen.path}`, credentials: ServerCredentials.createInsecure() };
  }
  const { ca, cert, key } = listen.tls;
  const pair = { private_key: readFileSync(key), cert_chain: readFileSync(cert) };
  return { target: `${listen.host}:${listen.port}`, credentials: ServerCredentials.createSsl(readFileSync(ca), [pair], true) };
}

/** Where callers reach it once it is bound, as the handshake says it; a socket is made private. */
export function boundAddress(listen: Listen, port: number): string {
  if (listen.kind === 'tcp') return `${listen.host}:${port}`;
  chmodSync(listen.path, 0o600);
  return listen.path;
}
