import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where one installation keeps what is its own. */
export interface DataDir {
  readonly root: string;
  /** The SQLite file. */
  readonly store: string;
  /** Certificates and tokens. */
  readonly pki: string;
  readonly kubeconfig: string;
  /** With the controllers' own rights. */
  readonly controllersKubeconfig: string;
  /** A folder for each driver's own state. */
  readonly drivers: string;
  /** Sockets; short, because a socket's path may have 107 bytes. */
  readonly run: string;
  readonly log: string;
}

/** The default of --data-dir. */
export const DEFAULT_DATA_DIR = join(homedir(), '.lenticular');

/** The places below `dir`, which is made where it is missing, for its owner only. */
export function openDataDir(dir: string): DataDir {
  const root = resolve(dir);
  const places = {
    root,
    store: join(root, 'store.db'),
    pki: join(root, 'pki'),
    kubeconfig: join(root, 'kubeconfig'),
    controllersKubeconfig: join(root, 'pki', 'controllers.kubeconfig'),
    drivers: join(root, 'drivers'),
    run: join(root, 'run'),
    log: join(root, 'cloudd.log'),
  };
  for (const folder of [root, places.pki, places.drivers, places.run]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return places;
}
