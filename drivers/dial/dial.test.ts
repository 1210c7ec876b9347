import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../test/programs/clock.ts';
import type { DriverErrorCode } from '../contract/driver-error.ts';
import { simControl } from '../sim/control-client.ts';
import type { SimCommand } from '../sim/control-client.ts';
import { dialDriver } from './dial.ts';
import type { DialOptions } from './dial.ts';
import type { LogLine } from './lines.ts';
import type { DialledDriver } from './supervise.ts';

const { signal } = new AbortController();
const SIM = join(process.cwd(), 'test/programs/sim.ts');
const fence = { installation: 'i', shard: 's', incarnation: 1, epoch: 1, generation: 1, placementEpoch: 1 };
const owner = { installation: 'i', kind: 'VirtualMachine', namespace: 'default', name: 'vm', uid: 'vm-1' };
const spec = { owner, cpus: 1, memoryBytes: 2 ** 28, disks: [], interfaces: [] };

let folder = '';
let lines: LogLine[] = [];
let open: DialledDriver[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dial-'));
  lines = [];
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((driver) => driver.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function dial(over: Partial<DialOptions> = {}): Promise<DialledDriver> {
  const driver = await dialDriver(
    {
      name: 'sim',
      command: process.execPath,
      args: [SIM],
      env: {},
      stateDir: join(folder, 'state'),
      socketDir: join(folder, 'run'),
      log: (line) => lines.push(line),
      clock: realClock,
      backoff: { firstMs: 50, lastMs: 200, stableMs: 60_000 },
      ...over,
    },
    signal,
  );
  open.push(driver);
  return driver;
}

/** Dials a program that is nothing but this script. */
const dialScript = (script: string, over: Partial<DialOptions> = {}): Promise<DialledDriver> =>
  dial({ args: ['-e', script, '--'], ...over });
const control = (command: SimCommand): Promise<unknown> => simControl(join(folder, 'state'), command, signal);
const alive = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

async function codeOf(call: Promise<unknown> | undefined): Promise<DriverErrorCode | 'OK'> {
  return (call ?? Promise.resolve()).then(
    () => 'OK' as const,
    (error: unknown) => (error as { code: DriverErrorCode }).code,
  );
}

async function host(driver: DialledDriver): Promise<{ session: string; trace: string; cause: string; fence: typeof fence }> {
  const { session } = await driver.session.open({ category: 'machine', uid: 'h', name: 'h', address: '' }, {}, fence, signal);
  return { session, trace: 'vm-1.1', cause: 'Test', fence };
}

async function back(driver: DialledDriver, instance: string | undefined): Promise<string> {
  for await (const info of driver.connections(signal)) if (info.instance !== instance) return info.instance;
  throw new Error('it was closed');
}

async function gone(pid: number): Promise<void> {
  const until = realClock.monotonic() + 10_000;
  while (alive(pid)) {
    if (realClock.monotonic() > until) throw new Error(`${pid} lives on`);
    await realClock.sleep(20, signal);
  }
}

describe('a driver that is kept running', () => {
  test('a killed driver is UNAVAILABLE until it is back as another instance, with its world as it was', async () => {
    const driver = await dial({ backoff: { firstMs: 300, lastMs: 300, stableMs: 60_000 } });
    const first = driver.instance()?.instance;
    await driver.machine?.ensure(await host(driver), spec, signal);
    process.kill(driver.pid() ?? 0, 'SIGKILL');
    while (driver.instance() !== undefined) await realClock.sleep(5, signal);
    expect(await codeOf(driver.identity.probe(signal))).toBe('UNAVAILABLE');
    expect(await codeOf(driver.machine?.start({ session: 'x', trace: '', cause: '', fence }, 'vm-1', signal))).toBe('UNAVAILABLE');
    expect(await back(driver, first)).not.toBe(first);
    expect(await driver.machine?.get(await host(driver), 'vm-1', signal)).toMatchObject({ power: 'stopped', owner });
    expect(lines.filter(({ stream }) => stream === 'supervisor').map(({ text }) => text)[0]).toContain('SIGKILL');
  });

  test('a driver that dies in a mutating call leaves its outcome unknown, and in a call that only looks UNAVAILABLE', async () => {
    const driver = await dial();
    for (const when of ['before', 'after'] as const) {
      const first = driver.instance()?.instance;
      const context = await host(driver);
      await driver.machine?.ensure(context, spec, signal);
      await control({ do: 'fault', call: 'machine.start', action: { do: 'die', when } });
      expect(await codeOf(driver.machine?.start(context, 'vm-1', signal))).toBe('UNKNOWN');
      await back(driver, first);
      const { power } = (await driver.machine?.get(await host(driver), 'vm-1', signal)) ?? {};
      expect(power).toBe(when === 'before' ? 'stopped' : 'running');
    }
    const context = await host(driver);
    await control({ do: 'fault', call: 'machine.get', action: { do: 'die' } });
    expect(await codeOf(driver.machine?.get(context, 'vm-1', signal))).toBe('UNAVAILABLE');
  });

  test('a lost answer is UNKNOWN, and the effect was had', async () => {
    const driver = await dial();
    const context = await host(driver);
    await control({ do: 'fault', call: 'machine.ensure', action: { do: 'lost-answer' } });
    expect(await codeOf(driver.machine?.ensure(context, spec, signal))).toBe('UNKNOWN');
    expect(await driver.machine?.get(context, 'vm-1', signal)).toMatchObject({ owner });
    expect(await control({ do: 'calls' })).toEqual({ 'machine.ensure': 1 });
  });

  test('a call that hangs ends with DEADLINE_EXCEEDED after the default deadline', async () => {
    const driver = await dial({ deadlineMs: 300 });
    const context = await host(driver);
    await control({ do: 'fault', call: 'machine.*', count: 0, action: { do: 'hang' } });
    const began = realClock.monotonic();
    expect(await codeOf(driver.machine?.ensure(context, spec, signal))).toBe('DEADLINE_EXCEEDED');
    expect(realClock.monotonic() - began).toBeLessThan(1500);
    await expect(driver.machine?.get(context, 'vm-1', signal)).rejects.toThrow(/^no answer came in time$/);
  });

  test('a frozen driver is replaced, and ended', async () => {
    const driver = await dial({ probeMs: 250 });
    const [pid, first] = [driver.pid() ?? 0, driver.instance()?.instance];
    process.kill(pid, 'SIGSTOP');
    expect(await back(driver, first)).not.toBe(first);
    expect(alive(pid)).toBe(false);
  }, 40_000);

  test('closing ends the process and removes its socket', async () => {
    const driver = await dial();
    const pid = driver.pid() ?? 0;
    const [socket = ''] = readdirSync(join(folder, 'run'));
    expect(statSync(join(folder, 'run', socket)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700);
    await driver.close();
    expect(alive(pid)).toBe(false);
    expect(readdirSync(join(folder, 'run'))).toEqual([]);
    expect(await codeOf(driver.identity.probe(signal))).toBe('UNAVAILABLE');
  });

  test('a driver ends when its parent is killed', async () => {
    const parent = spawn(process.execPath, [join(process.cwd(), 'test/programs/dial-parent.ts'), folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))));
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await gone(pid);
  });

  test('a request that is too large is refused before it is sent', async () => {
    const driver = await dial();
    const call = driver.machine?.ensure(await host(driver), { ...spec, userData: 'x'.repeat(5 * 2 ** 20) }, signal);
    expect(await codeOf(call)).toBe('INVALID_ARGUMENT');
    expect(await control({ do: 'calls' })).toEqual({});
  });
});

describe('a program that is no driver', () => {
  test.each([
    ['garbage', 'console.log("hello"); setInterval(() => {}, 1000)', /did not begin with a handshake/],
    ['another contract', 'console.log("1|v9|unix|/x|grpc|odd/1"); setInterval(() => {}, 1000)', /speaks the contract v9/],
    ['another address', 'console.log("1|v1alpha1|unix|/tmp/elsewhere|grpc|odd/1"); setInterval(() => {}, 1000)', /not where it was told/],
    ['an end', 'process.exit(7)', /ended with code 7/],
    ['an endless first line', 'setInterval(() => process.stdout.write("x".repeat(65536)), 1)', /said nothing/],
    ['silence', 'setInterval(() => {}, 1000)', /said nothing for 1500 ms/],
  ])('%s instead of a handshake is UNAVAILABLE, and nothing is left running', async (_what, script, sentence) => {
    const pidFile = join(folder, 'pid');
    const withPid = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); ${script}`;
    const dialled = dialScript(withPid, { handshakeMs: 1500 });
    await expect(dialled).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(sentence) as string });
    expect(alive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
  });

  test('a command that does not exist is UNAVAILABLE', async () => {
    await expect(dial({ command: '/no/such/program' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a socket folder that is too long is UNAVAILABLE, with the bound', async () => {
    await expect(dial({ socketDir: join(folder, 'x'.repeat(120)) })).rejects.toThrow(/107 bytes/);
  });

  test('a flood of output is bounded in lines and in their length', async () => {
    const flood =
      'process.stderr.write("y".repeat(1e6) + "\\n"); for (let i = 0; i < 50000; i++) process.stderr.write("line " + i + "\\n"); setInterval(() => {}, 1000)';
    await expect(dialScript(flood, { handshakeMs: 1500 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThan(1000);
    expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThan(4200);
  });

  test('a program gets the environment that it was given, and nothing of ours', async () => {
    await expect(dialScript('console.error(JSON.stringify(process.env)); process.exit(1)', { env: { GIVEN: '1' } })).rejects.toThrow();
    expect(lines.map(({ text }) => text)).toContain('{"GIVEN":"1"}');
  });
});
