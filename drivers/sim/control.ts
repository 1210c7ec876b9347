import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { SimDriver } from './driver.ts';
import { readFault } from './faults.ts';
import { describeWorld, driftMachine, guestStops, loseDisk, plantDisk, plantMachine, powerLoss, switchOff, switchOn } from './guests.ts';
import { callCounts, journalTail } from './journal.ts';
import { bytesIn } from './quantity.ts';

const MAX_LINE = 65_536;
const MAX_CLIENTS = 16;
const MAX_SOCKET_PATH = 107;

type Request = Readonly<Record<string, unknown>>;

function text(request: Request, key: string): string {
  const value = request[key];
  if (typeof value !== 'string' || value === '') throw new Error(`${key} is required`);
  return value;
}

function plant({ sim }: SimDriver, request: Request): void {
  if (text(request, 'what') === 'machine') return plantMachine(sim, text(request, 'host'), text(request, 'id'));
  plantDisk(sim, text(request, 'pool'), text(request, 'id'), bytesIn(request.size) ?? 2 ** 30);
}

const COMMANDS: Readonly<Record<string, (driver: SimDriver, request: Request) => unknown>> = {
  fault: ({ faults }, request) => faults.set(readFault(request)),
  clear: ({ faults }) => faults.clear(),
  faults: ({ faults }) => faults.list(),
  calls: ({ sim }) => callCounts(sim.world),
  journal: ({ sim }, { limit }) => journalTail(sim.world, typeof limit === 'number' ? Math.min(Math.max(limit, 1), 10_000) : 100),
  world: ({ sim }) => describeWorld(sim),
  'guest-shutdown': ({ sim }, request) => guestStops(sim, text(request, 'uid'), 'guest-shutdown'),
  crash: ({ sim }, request) => guestStops(sim, text(request, 'uid'), 'crashed'),
  'power-loss': ({ sim }, request) => powerLoss(sim, text(request, 'host')),
  'power-off': ({ sim }, request) => switchOff(sim, text(request, 'host')),
  'power-on': ({ sim }, request) => switchOn(sim, text(request, 'host')),
  drift: ({ sim }, request) => driftMachine(sim, text(request, 'host'), text(request, 'uid'), text(request, 'field')),
  'lose-disk': ({ sim }, request) => loseDisk(sim, text(request, 'pool'), text(request, 'uid')),
  plant,
};

function answer(driver: SimDriver, line: string): object {
  try {
    const request = JSON.parse(line) as unknown;
    if (typeof request !== 'object' || request === null) throw new Error('a request is an object');
    const name = String((request as Request).do);
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new Error(`do must be one of ${Object.keys(COMMANDS).join(', ')}`);
    return { ok: true, result: command(driver, request as Request) ?? null };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : 'failed' };
  }
}

function talk(driver: SimDriver, socket: Socket): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    pending += chunk;
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line !== '') socket.write(`${JSON.stringify(answer(driver, line))}\n`);
    if (pending.length > MAX_LINE) socket.destroy();
  });
  socket.on('error', () => undefined);
}

/** Where a simulated data centre takes commands: a socket in its state folder. */
export function controlSocketIn(stateDir: string): string {
  return join(stateDir, 'control.sock');
}

/** The open control socket. */
export interface Control {
  /** Ends it and every conversation on it. */
  close(): void;
}

/**
 * Takes commands, JSON lines, on `control.sock` in `stateDir`, for its owner alone; the newest process has the name.
 * Rejects where the path is too long or cannot be bound.
 */
export function serveControl(driver: SimDriver, stateDir: string): Promise<Control> {
  const path = controlSocketIn(stateDir);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH) {
    const problem = `${path} has ${bytes} bytes, and a socket's path at most ${MAX_SOCKET_PATH}: choose a shorter state folder`;
    return Promise.reject(new Error(problem));
  }
  rmSync(path, { force: true });
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    talk(driver, socket);
  });
  server.maxConnections = MAX_CLIENTS;
  const close = (): void => {
    server.close();
    for (const client of clients) client.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve({ close });
    });
  });
}
