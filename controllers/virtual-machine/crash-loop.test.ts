import { guestStops } from '../../drivers/sim/guests.ts';
import { REAL_CLOCK } from '../../test/api-bench.ts';
import { because, conditionIn, isReady, openDeclaredCloud, pause, PATHS, type DeclaredCloud } from '../../test/declared-cloud.ts';

let cloud: DeclaredCloud;

beforeEach(async () => {
  cloud = await openDeclaredCloud({ hosts: 1 });
}, 20_000);

afterEach(async () => {
  await cloud.close();
});

/** The guest crashes; resolves, with how long that took, when it runs again. */
async function crash(name: string): Promise<number> {
  const { id = '' } = cloud.simHost('host-1').machines.find((machine) => machine.name === name) ?? {};
  const fromMs = REAL_CLOCK.monotonic();
  guestStops(cloud.sim.sim, id, 'crashed');
  for (let tens = 0; tens < 1000; tens += 1) {
    await pause(10);
    if (cloud.runningOn(name).length > 0) return REAL_CLOCK.monotonic() - fromMs;
  }
  throw new Error(`${name} was not started again`);
}

test('a guest that crashes again and again is started ever more slowly, says so without a new word for each time, and counts anew when it is declared anew', async () => {
  await cloud.runVm('vm-1');
  expect(await crash('vm-1')).toBeLessThan(900);
  await cloud.until(PATHS.vm('vm-1'), 'running', isReady);
  expect(await crash('vm-1')).toBeGreaterThan(900);
  await cloud.until(PATHS.vm('vm-1'), 'running', isReady);
  expect(await crash('vm-1')).toBeGreaterThan(1900);
  const looping = await cloud.until(PATHS.vm('vm-1'), 'looping', because('CrashLoop'));
  expect(conditionIn(looping)?.message).toMatch(/^the guest crashed again and again/);
  const before = await cloud.reasonsOf('vm-1');
  expect(await crash('vm-1')).toBeGreaterThan(3900);
  await pause(300);
  const { body } = await cloud.bench.ask('GET', PATHS.vm('vm-1'));
  expect(conditionIn(body)).toEqual(conditionIn(looping));
  expect(await cloud.reasonsOf('vm-1')).toEqual(before);
  await cloud.patch(PATHS.vm('vm-1'), { stopTimeoutSeconds: 7 });
  await cloud.until(PATHS.vm('vm-1'), 'as declared', isReady);
  expect(await crash('vm-1')).toBeLessThan(900);
}, 60_000);
