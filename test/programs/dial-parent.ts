// Dials the sim driver in the folder that it is given, prints the driver's pid, and waits to be killed.
import { join } from 'node:path';
import { dialDriver } from '../../drivers/dial/dial.ts';
import { realClock } from './clock.ts';

const [, , folder = '.'] = process.argv;
const driver = await dialDriver(
  {
    name: 'sim',
    command: process.execPath,
    args: [join(import.meta.dirname, 'sim.ts')],
    env: {},
    stateDir: join(folder, 'state'),
    socketDir: join(folder, 'run'),
    log: () => undefined,
    clock: realClock,
  },
  new AbortController().signal,
);
process.stdout.write(`${driver.pid() ?? 0}\n`);
