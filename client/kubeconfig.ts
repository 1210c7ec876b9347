import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { Transport } from '../apis/meta/request.ts';

export interface KubeconfigChoice {
  readonly file: string;
  /** The current one where it is not given. */
  readonly context?: string;
}

/** How to reach the server that a kubeconfig names. */
export interface Connection {
  readonly transport: Transport;
  /** Of the context; `default` where it has none. */
  readonly namespace: string;
  readonly server: string;
}

/** Reads a kubeconfig; ApiError BadRequest says what is wrong with it. client-node is loaded here and not before. */
export async function connectBy({ file, context }: KubeconfigChoice, clock: Clock, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const [{ KubeConfig }, { httpTransport }] = await Promise.all([
    import('@kubernetes/client-node/dist/config.js'),
    import('./http-transport.ts'),
  ]);
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw new ApiError('BadRequest', `the kubeconfig ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`, {
      cause: error,
    });
  }
  if (context !== undefined) config.setCurrentContext(context);
  const chosen = config.getContextObject(config.getCurrentContext());
  if (chosen === null)
    throw new ApiError('BadRequest', `the kubeconfig ${file} has no context ${JSON.stringify(config.getCurrentContext())}`);
  const transport = httpTransport({ config, clock });
  return { transport, namespace: chosen.namespace ?? 'default', server: config.getCurrentCluster()?.server ?? '' };
}
