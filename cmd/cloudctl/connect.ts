import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connectBy } from '../../client/kubeconfig.ts';
import { systemClock } from '../clock.ts';
import { createApi } from './api.ts';
import { discover } from './resources.ts';
import { UsageError, type Context } from './targets.ts';

export interface ConnectOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** The kubeconfig in force: the option, else $KUBECONFIG, else that of `cloudd up`, else kubectl's own. */
function kubeconfigFile(option: string | undefined): string {
  if (option !== undefined) return option;
  const listed = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const candidates = listed.length > 0 ? listed : [join(homedir(), '.lenticular', 'kubeconfig'), join(homedir(), '.kube', 'config')];
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined)
    throw new UsageError(`there is no kubeconfig at ${candidates.join(' or ')}: start cloudd (npm start), or give --kubeconfig`);
  return found;
}

/** Reaches the server, and asks which kinds it has. */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Context> {
  const choice = { file: kubeconfigFile(options.kubeconfig), ...(options.context !== undefined && { context: options.context }) };
  const { transport, namespace } = await connectBy(choice, systemClock(), signal);
  const api = createApi(transport, (warning) => {
    options.err(`Warning: ${warning}`);
  });
  return { api, namespace: options.namespace ?? namespace, resources: await discover(api, signal), out: options.out, err: options.err };
}
