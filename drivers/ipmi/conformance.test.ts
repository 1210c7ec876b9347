import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { driverConformance } from '../contract/conformance/conformance.ts';
import type { Subject } from '../contract/conformance/subject.ts';
import { dialDriver } from '../dial/dial.ts';
import type { DialledDriver } from '../dial/supervise.ts';
import { startBmc, type SimulatedBmc } from '../../test/ipmi/bmc.ts';
import { pathOf, requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';

/** The endpoints that the suite asks of a driver that is for power alone. */
const HOSTS = [0, 10, 11, 12, 20, 21];

/** The driver as a process of its own, and a BMC for each host. */
async function start(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'ipmi-'));
  const stateDir = join(folder, 'state');
  await mkdir(join(stateDir, 'secrets'), { recursive: true, mode: 0o700 });
  const bmcs = new Map<string, SimulatedBmc>();
  for (const n of HOSTS) {
    const bmc = await startBmc(pathOf('ipmi_sim'), join(folder, `bmc-${n}`));
    bmcs.set(`host-${n}`, bmc);
    await writeFile(join(stateDir, 'secrets', `host-${n}`), `${bmc.password}\n`, { mode: 0o600 });
  }
  await writeFile(join(stateDir, 'secrets', 'open'), 'x\n');
  await chmod(join(stateDir, 'secrets', 'open'), 0o644);
  const driver = await dialDriver(
    {
      name: 'ipmi',
      command: process.execPath,
      args: [join(process.cwd(), 'test/programs/ipmi.ts')],
      env: { PATH: process.env.PATH ?? '' },
      stateDir,
      socketDir: join(folder, 'run'),
      log: () => undefined,
      clock: realClock,
      deadlineMs: 5000,
      backoff: { firstMs: 20, lastMs: 200, stableMs: 60_000 },
    },
    new AbortController().signal,
  );
  const configOf = (uid: string) => ({ host: '127.0.0.1', port: bmcs.get(uid)?.port ?? 623, user: 'lenticular', passwordFile: uid });
  const right = configOf('host-0');
  return {
    driver,
    clock: realClock,
    endpoint(category, n) {
      const uid = `host-${n}`;
      return { ref: { category, uid, name: uid, address: '' }, config: configOf(uid) };
    },
    wrongConfigs: [
      { category: 'power', config: { ...right, host: '-oops' }, field: 'host' },
      { category: 'power', config: { ...right, host: 'a b' }, field: 'host' },
      { category: 'power', config: { ...right, port: 0 }, field: 'port' },
      { category: 'power', config: { ...right, user: '-U' }, field: 'user' },
      { category: 'power', config: { ...right, passwordFile: '../secrets/host-0' }, field: 'passwordFile' },
      { category: 'power', config: { ...right, passwordFile: 'absent' }, field: 'passwordFile' },
      { category: 'power', config: { ...right, passwordFile: 'open' }, field: 'passwordFile' },
      { category: 'power', config: { ...right, cipherSuite: 0 }, field: 'cipherSuite' },
      { category: 'power', config: { ...right, password: 'here' }, field: 'password' },
      { category: 'power', config: { host: '127.0.0.1', user: 'lenticular' }, field: 'passwordFile' },
    ],
    machine: { cpus: 1, memoryBytes: 1 },
    guestListens: false,
    diskBytes: 1,
    image: { name: 'none', sizeBytes: 1 },
    restart: () => restarted(driver),
    hang: (uid) => Promise.resolve(bmcs.get(uid)?.freeze()),
    slow(uid, ms) {
      bmcs.get(uid)?.freeze();
      setTimeout(() => bmcs.get(uid)?.thaw(), ms).unref();
      return Promise.resolve();
    },
    heal() {
      for (const bmc of bmcs.values()) bmc.thaw();
      return Promise.resolve();
    },
    async stop() {
      await driver.close();
      for (const bmc of bmcs.values()) await bmc.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Kills the process, and waits for the one that comes after it. */
async function restarted(driver: DialledDriver): Promise<void> {
  const before = driver.instance()?.instance;
  process.kill(driver.pid() ?? 0, 'SIGKILL');
  for await (const { instance } of driver.connections(new AbortController().signal)) if (instance !== before) return;
}

requires('ipmi_sim', 'ipmitool')('against ipmi_sim', () => {
  driverConformance('ipmi', start);
});
