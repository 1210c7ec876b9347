import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from '../contract/driver.ts';
import type { DriverError } from '../contract/driver-error.ts';
import type { MutationContext } from '../contract/fence.ts';
import { startBmc, type SimulatedBmc } from '../../test/ipmi/bmc.ts';
import { pathOf, requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { createIpmiDriver } from './driver.ts';

const FENCE = { installation: 'here', shard: 'zone-a', incarnation: 1, epoch: 1, generation: 1, placementEpoch: 0 };
const NEVER = new AbortController().signal;

requires('ipmi_sim', 'ipmitool')('the power of a host by its BMC', () => {
  let folder: string;
  let bmc: SimulatedBmc;
  let driver: Driver;
  const life = new AbortController();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ipmi-'));
    await mkdir(join(folder, 'secrets'), { mode: 0o700 });
    bmc = await startBmc(pathOf('ipmi_sim'), join(folder, 'bmc'));
    await writeFile(join(folder, 'secrets', 'right'), `${bmc.password}\n`, { mode: 0o600 });
    await writeFile(join(folder, 'secrets', 'wrong'), 'battery-staple\n', { mode: 0o600 });
    driver = createIpmiDriver({ stateDir: folder, clock: realClock, life: life.signal });
  });

  afterEach(async () => {
    await bmc.end();
    await rm(folder, { recursive: true });
  });

  async function open(passwordFile: string): Promise<MutationContext> {
    const config = { host: '127.0.0.1', port: bmc.port, user: bmc.user, passwordFile };
    const { session } = await driver.session.open({ category: 'power', uid: 'host-a', name: 'host-a', address: '' }, config, FENCE, NEVER);
    return { session, trace: 'host-a.1', fence: FENCE, cause: 'test' };
  }

  const error = (call: Promise<unknown> | undefined): Promise<DriverError> =>
    Promise.resolve(call).then(
      () => {
        throw new Error('it succeeded');
      },
      (reason: unknown) => reason as DriverError,
    );

  test('Off ends when the host is off, and not when its BMC has said yes', async () => {
    const context = await open('right');
    await bmc.slow(1500);
    const began = performance.now();
    await driver.power?.off(context, NEVER);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1400);
    expect(await bmc.power()).toBe('off');
  });

  test('a host that stays on although its BMC says yes is never proven off', async () => {
    const context = await open('right');
    await bmc.stick();
    const late = await error(driver.power?.off(context, AbortSignal.timeout(2500)));
    expect(['TimeoutError', 'AbortError']).toContain(late.name);
    expect(await bmc.power()).toBe('on');
  });

  test('what is as it should be is not told again', async () => {
    const context = await open('right');
    await driver.power?.on(context, NEVER);
    expect(await bmc.deeds()).toEqual([]);
    await driver.power?.off(context, NEVER);
    await driver.power?.off(context, NEVER);
    expect(await bmc.deeds()).toEqual(['power 0']);
    await driver.power?.reset(context, NEVER);
    expect(await bmc.deeds()).toEqual(['power 0', 'power 1']);
  });

  test('a wrong password is UNAVAILABLE, and nobody says it', async () => {
    const refused = await error(driver.power?.off(await open('wrong'), NEVER));
    expect([refused.code, refused.reason]).toEqual(['UNAVAILABLE', 'BACKEND']);
    expect(refused.message).toContain(`127.0.0.1:${bmc.port}`);
    expect(refused.message).not.toContain('battery-staple');
    expect(await bmc.power()).toBe('on');
  });

  test('a BMC that is silent proves nothing, and holds the host only for its own time', async () => {
    const context = await open('right');
    bmc.freeze();
    const silent = await error(driver.power?.off(context, NEVER));
    expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED']).toContain(silent.code);
    bmc.thaw();
    await driver.power?.off(context, NEVER);
    expect(await bmc.power()).toBe('off');
  }, 20_000);

  test('two at once are one after the other by their callers', async () => {
    const context = await open('right');
    await bmc.slow(500);
    const [first, second] = [driver.power?.off(context, NEVER), error(driver.power?.on(context, NEVER))];
    expect((await second).reason).toBe('OPERATION_PENDING');
    await first;
    expect(await bmc.power()).toBe('off');
  });
});
