import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Transport } from '../../apis/meta/request.ts';
import { ControllerConfigKind } from '../../apis/ops/v1alpha1/controller-config/kind.ts';
import type { ControllerConfig } from '../../apis/ops/v1alpha1/controller-config/schema.ts';
import { createClient } from '../../client/api-client.ts';
import { createBoard, type Board } from '../../controllers/runtime/board.ts';
import { allControllers, zoneShards } from '../../controllers/all.ts';
import { runControllers } from '../../controllers/runtime/run.ts';
import { createViews } from '../../controllers/runtime/views.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import { writePrivateFile } from '../../server/http/private-file.ts';
import { projectVersion } from '../version.ts';
import { CONTROLLERS } from './callers.ts';
import { systemClock } from '../clock.ts';
import { openDataDir, type DataDir } from './data-dir.ts';
import { BUILT_IN_DRIVERS, driverProgram } from './drivers.ts';
import { createLog, type LogLevel, type Logger } from './log.ts';
import { OperatorError } from './operator-error.ts';
import { settingsOf } from './settings.ts';

export interface ControllersRun {
  readonly transport: Transport;
  readonly dirs: DataDir;
  readonly log: Logger;
  /** Whether no other process can be at work on this store: then Leases of earlier processes need not run out. */
  readonly alone: boolean;
  /** Shows what is led here. */
  readonly board: Board;
  /** What its Lease says of this process. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** A leader that dies is replaced after this long; 15 s where it is not given. */
  readonly leaseMs?: number;
}

const LEASE_MS = 15_000;

/** What the identities of all processes on one data folder begin with. */
export function familyOf(root: string): string {
  return `${hostname()}_${createHash('sha256').update(root).digest('hex').slice(0, 8)}`;
}

/** Runs all controllers, and the drivers that they need, until the signal aborts. */
export async function startControllers(
  { transport, dirs, log, alone, board, annotations, leaseMs = LEASE_MS }: ControllersRun,
  signal: AbortSignal,
): Promise<void> {
  const clock = systemClock();
  // Processes on one data folder share the first part; whoever is alone there knows that the others are dead.
  const family = familyOf(dirs.root);
  const identity = `${family}_${randomBytes(4).toString('hex')}`;
  const client = createClient({ transport, caller: CONTROLLERS, userAgent: `lenticular-controllers/${projectVersion()}` });
  const views = createViews(client, { clock, random: Math.random, log }, signal);
  const { createSessions } = await import('../../drivers/dial/sessions.ts');
  const sessions = createSessions({ clock, dial: (name, address, stop) => dial(name, address, { dirs, log }, stop) });
  const options = { views, client, sessions, identity, clock, leaseMs };
  const controllers = allControllers(options);
  try {
    await runControllers(
      {
        client,
        views,
        clock,
        random: Math.random,
        log,
        identity,
        controllers,
        shards: (stop) => zoneShards(views.of(ZoneKind), stop),
        hints: (stop) => sessions.hints(stop),
        leaseMs,
        isDead: (holder) => alone && holder.startsWith(`${family}_`),
        settings: settingsOf(views.of<ControllerConfig>(ControllerConfigKind)),
        board,
        ...(annotations !== undefined && { annotations }),
      },
      signal,
    );
  } finally {
    await sessions.closeAll();
  }
}

/** Starts a built-in driver here, or connects to one that runs elsewhere. */
async function dial(name: string, address: string, { dirs, log }: Pick<ControllersRun, 'dirs' | 'log'>, signal: AbortSignal) {
  const clock = systemClock();
  const { dialDriver, dialAddress } = await import('../../drivers/dial/dial.ts');
  if (address === '') {
    const program = driverProgram(name, dirs, log, clock);
    if (program !== undefined) return dialDriver(program, signal);
    throw new DriverError(
      'INVALID_ARGUMENT',
      'DRIVER_UNKNOWN',
      `there is no driver ${JSON.stringify(name)}: the built-in ones are ${BUILT_IN_DRIVERS.join(', ')}`,
    );
  }
  const tls = {
    ca: join(dirs.pki, 'drivers-ca.crt'),
    cert: join(dirs.pki, 'drivers-client.crt'),
    key: join(dirs.pki, 'drivers-client.key'),
  };
  const missing = Object.values(tls).find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new DriverError(
      'INVALID_ARGUMENT',
      'CONFIG_INVALID',
      `a driver with an endpoint is reached by mutual TLS, and ${missing} is missing`,
      { metadata: { field: 'endpoint' } },
    );
  }
  return dialAddress({ name, address, tls, clock, log: ({ driver, stream, text }) => log.info({ driver, stream }, text) }, signal);
}

/** Where a process shows what it leads. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

export interface ControllersOptions {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly listen: Listen;
  readonly leaseSeconds: number;
  readonly logLevel: LogLevel;
}

/** A round that hears nothing is begun again; what hangs for longer hangs on a connection that is dead. */
const OBJECT_MS = 10_000;

/** `cloudd controllers`: the controllers alone, against an API elsewhere. */
export async function controllers(
  { dataDir, kubeconfig, listen, leaseSeconds, logLevel }: ControllersOptions,
  signal: AbortSignal,
): Promise<void> {
  const dirs = openDataDir(dataDir);
  const log = createLog({ level: logLevel });
  const file = kubeconfig ?? dirs.controllersKubeconfig;
  if (!existsSync(file))
    throw new OperatorError(`there is no kubeconfig at ${file}: give --kubeconfig, or start cloudd apiserver on this data folder first`);
  const { connectBy } = await import('../../client/kubeconfig.ts');
  const { transport, server, token: own } = await connectBy({ file, objectMs: OBJECT_MS }, systemClock(), signal);
  const board = createBoard();
  const { endpointToken, ENDPOINT, serveEndpoint } = await import('./endpoint.ts');
  const token = endpointToken(own ?? randomBytes(32).toString('base64url'));
  const tokenFile = join(dirs.pki, 'endpoint.token');
  await writePrivateFile(tokenFile, `${token}\n`, signal);
  const annotations = await serveEndpoint({ ...listen, board, token, log }, signal);
  log.info({ server, endpoint: annotations[ENDPOINT], tokenFile }, 'controlling');
  await startControllers({ transport, dirs, log, alone: false, board, annotations, leaseMs: leaseSeconds * 1000 }, signal);
}
