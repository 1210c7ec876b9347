import { writePrivateFile } from './private-file.ts';

/** What a client needs to reach a server. */
export interface KubeconfigOptions {
  /** For example `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly user: string;
  readonly token: string;
  /** The name of the context and of the cluster; `lenticular` unless told. */
  readonly name?: string;
}

/** A kubeconfig that needs no other file, as YAML. */
export function kubeconfigOf({ server, ca, user, token, name = 'lenticular' }: KubeconfigOptions): string {
  // A JSON string is a YAML string.
  const text = (value: string): string => JSON.stringify(value);
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `  - name: ${text(name)}`,
    '    cluster:',
    `      server: ${text(server)}`,
    `      certificate-authority-data: ${Buffer.from(ca).toString('base64')}`,
    'users:',
    `  - name: ${text(user)}`,
    '    user:',
    `      token: ${text(token)}`,
    'contexts:',
    `  - name: ${text(name)}`,
    '    context:',
    `      cluster: ${text(name)}`,
    `      user: ${text(user)}`,
    '      namespace: default',
    `current-context: ${text(name)}`,
    '',
  ].join('\n');
}

/** Writes a kubeconfig that only its owner reads (0600). */
export async function writeKubeconfig(path: string, options: KubeconfigOptions, signal: AbortSignal): Promise<void> {
  await writePrivateFile(path, kubeconfigOf(options), signal);
}
