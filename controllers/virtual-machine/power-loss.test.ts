import { isReady, openDeclaredCloud, pause, PATHS, type DeclaredCloud } from '../../test/declared-cloud.ts';
import { powerLoss } from '../../drivers/sim/guests.ts';

let cloud: DeclaredCloud;

afterEach(async () => {
  await cloud.close();
});

test('after a power loss of everything a host starts its VMs one after another, the most needed before the others, and all of them', async () => {
  cloud = await openDeclaredCloud({ hosts: 1 });
  const names = Array.from({ length: 8 }, (_, at) => `vm-${String(at)}`);
  // The odd ones can wait: their users have said so.
  const canWait = (name: string): boolean => Number(name.slice(3)) % 2 === 1;
  for (const name of names) await cloud.runVm(name, canWait(name) ? { onHostFailure: 'Fail' } : {});
  const order: string[] = [];
  const look = (): void => {
    for (const name of names) if (!order.includes(name) && cloud.runningOn(name).length > 0) order.push(name);
  };
  powerLoss(cloud.sim.sim, cloud.simHost('host-1').uid);
  for (let left = 500; left > 0 && order.length < 2; left -= 1) {
    await pause(5);
    look();
  }
  expect(order).toHaveLength(2);
  for (let left = 500; left > 0 && order.length < names.length; left -= 1) {
    await pause(20);
    look();
  }
  expect([...order].sort()).toEqual(names);
  // Who comes first is started at once.
  const queued = order.slice(2);
  expect(queued.map(canWait)).toEqual(queued.map(canWait).sort());
  for (const name of names) await cloud.until(PATHS.vm(name), 'running', isReady);
}, 60_000);
