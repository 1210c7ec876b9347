import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { driverConformance } from '../contract/conformance/conformance.ts';
import type { Driver } from '../contract/driver.ts';
import type { Subject } from '../contract/conformance/subject.ts';
import { PREREQUISITES } from '../../hack/programs.ts';
import { requires } from '../../test/prerequisites.ts';
import { CLOCK, newState } from '../../test/qemu/world.ts';
import { createQemuDriver } from './driver.ts';

const MIB = 2 ** 20;
const IMAGE_BYTES = 64 * MIB;

/** A driver that stays the same while `current` gives another one: what a dialled driver is across restarts. */
function followed(current: () => Driver): Driver {
  const service = (name: 'identity' | 'session' | 'host' | 'machine' | 'pool' | 'disk' | 'operation'): unknown =>
    new Proxy(
      {},
      {
        get: (_target, call) => {
          const implementation: unknown = current()[name];
          return (Reflect.get(Object(implementation), call) as (...args: unknown[]) => unknown).bind(implementation);
        },
      },
    );
  const names = ['identity', 'session', 'host', 'machine', 'pool', 'disk', 'operation'] as const;
  const services = Object.fromEntries(names.map((name) => [name, service(name)]));
  return { ...(services as unknown as Driver), watch: (signal) => current().watch(signal) };
}

/** A driver on an empty state, with machines that are firmware only: they run in 50 ms and ignore their power button. */
async function start(): Promise<Subject> {
  const { root, dispose } = await newState();
  await mkdir(join(root, 'images'));
  await writeFile(join(root, 'images', 'small.raw'), Buffer.alloc(IMAGE_BYTES, 'lenticular'));
  let life = new AbortController();
  const create = () => createQemuDriver({ stateDir: root, clock: CLOCK, log: () => undefined, life: life.signal });
  let driver = create();
  return {
    driver: followed(() => driver),
    clock: CLOCK,
    endpoint(category, n) {
      const name = `${category === 'machine' ? 'host' : 'pool'}-${String.fromCharCode('a'.charCodeAt(0) + n)}`;
      return { ref: { category, uid: `uid-${name}`, name, address: '' }, config: category === 'machine' ? { accelerator: 'tcg' } : {} };
    },
    wrongConfigs: [
      { category: 'machine', config: { stateDir: 'relative' }, field: 'stateDir' },
      { category: 'machine', config: { accelerator: 'xen' }, field: 'accelerator' },
      { category: 'disk', config: { dir: 7 }, field: 'dir' },
      { category: 'disk', config: { color: 'red' }, field: 'color' },
    ],
    machine: { cpus: 1, memoryBytes: 32 * MIB },
    guestListens: false,
    diskBytes: MIB,
    image: { name: 'small.raw', sizeBytes: IMAGE_BYTES },
    restart() {
      life.abort();
      life = new AbortController();
      driver = create();
      return Promise.resolve();
    },
    async stop() {
      life.abort();
      await dispose();
    },
  };
}

const NO_FAULTS = 'this driver injects no faults; a frozen engine is tested in machine.test.ts';
const NOT_LISTED = 'what has no record of ours in the state folder is not looked for';
const SKIPPED: Readonly<Record<string, string>> = {
  'an endpoint that hangs holds up no other': NO_FAULTS,
  'a deadline is obeyed, and its outcome is unknown': NO_FAULTS,
  'a call that was given up does not hold its uid for ever': NO_FAULTS,
  'a cancelled call leaves nothing behind': NO_FAULTS,
  'a second call on a uid while one runs is OPERATION_PENDING': NO_FAULTS,
  'a foreign machine is listed without an owner, and never touched': NOT_LISTED,
  'a foreign disk is listed without an owner, and never touched': NOT_LISTED,
  'a foreign disk is taken in with its tag': NOT_LISTED,
};

requires('qemu-system-x86_64', 'qemu-img')(`qemu (${PREREQUISITES['qemu-img'].find() ?? 'absent'})`, () => {
  driverConformance('qemu', start, { skip: SKIPPED });
});
