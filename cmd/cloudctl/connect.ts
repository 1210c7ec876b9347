import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Transport } from '../../apis/meta/request.ts';
import { connectBy } from '../../client/kubeconfig.ts';
import { systemClock } from '../clock.ts';
import { createApi, type Api } from './api.ts';
import { discover } from './resources.ts';
import type { Context } from './targets.ts';
import { UsageError } from './usage-error.ts';

export interface ConnectOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** The kubeconfig in force: the option, else the first file of $KUBECONFIG that is there, else that of `cloudd up`, else kubectl's own. */
function kubeconfigFile(option: string | undefined): string {
  if (option !== undefined) {
    if (existsSync(option)) return option;
    throw new UsageError(`there is no kubeconfig at ${option}`);
  }
  const listed = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const candidates = listed.length > 0 ? listed : [join(homedir(), '.lenticular', 'kubeconfig'), join(homedir(), '.kube', 'config')];
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined)
    throw new UsageError(`there is no kubeconfig at ${candidates.join(' or ')}: start cloudd (npm start), or give --kubeconfig`);
  return found;
}

/** The same transport, whose errors say which server cannot be reached. */
function naming(server: string, transport: Transport): Transport {
  return async (request, signal) => {
    try {
      return await transport(request, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== 'ServiceUnavailable') throw error;
      const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.message;
      throw new ApiError(error.reason, `the server ${server} cannot be reached (${code}): is cloudd running there?`, { cause: error });
    }
  };
}

/** Opens the way to the server, without a word to it. */
export async function reach(options: ConnectOptions, signal: AbortSignal): Promise<{ readonly api: Api; readonly namespace: string }> {
  const choice = { file: kubeconfigFile(options.kubeconfig), ...(options.context !== undefined && { context: options.context }) };
  const { transport, namespace, server } = await connectBy(choice, systemClock(), signal);
  const api = createApi(naming(server, transport), (warning) => {
    options.err(`Warning: ${warning}`);
  });
  return { api, namespace: options.namespace ?? namespace };
}

/** Reaches the server, and asks which kinds it has. */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Context> {
  const { api, namespace } = await reach(options, signal);
  const namespaceGiven = options.namespace !== undefined;
  return { api, namespace, namespaceGiven, resources: await discover(api, signal), out: options.out, err: options.err };
}
