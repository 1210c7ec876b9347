import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { Transport } from '../apis/meta/request.ts';

export interface KubeconfigChoice {
  readonly file: string;
  /** The current one where it is not given. */
  readonly context?: string;
  /** How soon the answer about one object must begin; as any other where it is not given. */
  readonly objectMs?: number;
}

/** How to reach the server that a kubeconfig names. */
export interface Connection {
  readonly transport: Transport;
  /** Of the context; `default` where it has none. */
  readonly namespace: string;
  readonly server: string;
  /** The bearer token that it has for the server; undefined: another way to say who one is. */
  readonly token?: string;
}

/** Reads a kubeconfig; ApiError BadRequest says what is wrong with it. client-node is loaded here and not before. */
export async function connectBy({ file, context, objectMs }: KubeconfigChoice, clock: Clock, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const [{ KubeConfig }, { httpTransport }] = await Promise.all([
    import('@kubernetes/client-node/dist/config.js'),
    import('./http-transport.ts'),
  ]);
  const config = new KubeConfig();
  const wrong = (why: string, cause?: unknown): ApiError => new ApiError('BadRequest', `the kubeconfig ${file} ${why}`, { cause });
  try {
    config.loadFromFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new ApiError('BadRequest', `there is no kubeconfig at ${file}`, { cause: error });
    throw wrong('cannot be read: it must be YAML with clusters, users and contexts', error);
  }
  const name = context ?? config.currentContext;
  const chosen = config.getContexts().find((one) => one.name === name);
  if (chosen === undefined) {
    const names = config.getContexts().map((one) => JSON.stringify(one.name));
    throw wrong(`has no context ${JSON.stringify(name)}; it has ${names.length === 0 ? 'none' : names.join(', ')}`);
  }
  config.setCurrentContext(name);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw wrong(`has no cluster ${JSON.stringify(chosen.cluster)} for its context`);
  if (!URL.canParse(server) || !server.startsWith('https://'))
    throw wrong(`names the server ${JSON.stringify(server)}; it must be like https://127.0.0.1:6440`);
  const token = config.getCurrentUser()?.token;
  return {
    ...{
      transport: httpTransport({ config, clock, ...(objectMs !== undefined && { objectMs }) }),
      namespace: chosen.namespace ?? 'default',
      server,
    },
    ...(token !== undefined && token !== '' && { token }),
  };
}
