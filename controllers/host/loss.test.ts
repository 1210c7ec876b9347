import { callCounts } from '../../drivers/sim/journal.ts';
import { because, conditionIn, isReady, openDeclaredCloud, pause, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

let cloud: DeclaredCloud;

async function open(options: Parameters<typeof openDeclaredCloud>[0]): Promise<void> {
  cloud = await openDeclaredCloud(options);
}

afterEach(async () => {
  await cloud.close();
});

/** Resolves when Events about an object have told all of these. */
async function told(name: string, reasons: readonly string[]): Promise<void> {
  let heard: readonly string[] = [];
  for (let left = 200; left > 0 && !reasons.every((reason) => heard.includes(reason)); left -= 1) {
    await pause(10);
    heard = await cloud.reasonsOf(name);
  }
  expect(heard).toEqual(expect.arrayContaining([...reasons]));
}

describe('a host with a power driver', () => {
  test('that dies is switched off, proven dead, and its VM runs elsewhere, once, with its disk', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    cloud.powerLost(host);
    const fenced = await cloud.until(PATHS.host(host), 'fenced', because('Fenced'));
    expect(saidOf(fenced).fence).toMatchObject({ bootId: saidOf(fenced).bootId, evidence: 'PowerOff' });
    expect(conditionIn(fenced, 'Fenced')).toMatchObject({ status: 'True', reason: 'PowerOff' });
    const refuge = await cloud.movedFrom('vm-1', host);
    expect(cloud.runningOn('vm-1')).toEqual([refuge]);
    const volume = await cloud.until(PATHS.volume('vm-1'), 'claimed there', (object) => saidOf(object).claim?.host === refuge);
    expect(saidOf(volume).claim).toMatchObject({ virtualMachine: 'vm-1', placementEpoch: 2 });
    expect(cloud.mostCopies()).toBe(1);
    await told(host, ['DriverUnreachable', 'PoweringOff', 'Fenced']);
    await told('vm-1', ['HostFailed', 'Scheduled', 'Running']);
    expect(cloud.bench.troubles).toEqual([]);
  }, 40_000);

  test('that is only cut off is switched off before its VM is started elsewhere', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    cloud.silence(host);
    const refuge = await cloud.movedFrom('vm-1', host);
    expect(cloud.simHost(host).off).toBe(true);
    expect(cloud.runningOn('vm-1')).toEqual([refuge]);
    expect(cloud.mostCopies()).toBe(1);
  }, 40_000);

  test('is switched off again by new controllers, where the old ones died before they could record the proof', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    cloud.sim.faults.set({ call: 'power.off', count: 1, action: { do: 'lost-answer', then: 'hang' } });
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'being switched off', because('PoweringOff'));
    for (let left = 500; left > 0 && cloud.simHost(host).off !== true; left -= 1) await pause(10);
    const { body } = await cloud.bench.ask('GET', PATHS.host(host));
    expect([cloud.simHost(host).off, saidOf(body).fence]).toEqual([true, undefined]);
    await cloud.restart();
    await cloud.movedFrom('vm-1', host);
    expect(cloud.calls('power.off')).toBe(2);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('whose power driver fails stays Suspect of nothing but silence, says why, and its VM waits', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    cloud.sim.faults.set({ call: 'power.off', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    cloud.silence(host);
    const said = (object: Parameters<typeof isReady>[0]): boolean => conditionIn(object)?.message.includes('the last try failed') === true;
    const failing = await cloud.until(PATHS.host(host), 'failing', said);
    expect(saidOf(failing).fence).toBeUndefined();
    expect(conditionIn(await cloud.until(PATHS.vm('vm-1'), 'unknown', because('HostUnreachable')))?.status).toBe('Unknown');
    expect(cloud.runningOn('vm-1')).toEqual([host]);
    cloud.sim.faults.clear();
    await cloud.until(PATHS.vm('vm-1'), 'as it was', (object) => isReady(object) && saidOf(object).host === host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('is left alone while too many are silent at once, and switched off when it alone is', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    const other = ['host-1', 'host-2', 'host-3'].find((name) => name !== host) ?? '';
    // Nobody looks at an empty host by itself: it is the other's silence that makes them look.
    cloud.silence(other);
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'spared', because('StormGuard'));
    await pause(1500);
    expect(cloud.calls('power.off')).toBe(0);
    expect(cloud.runningOn('vm-1')).toEqual([host]);
    cloud.sim.faults.clear();
    await cloud.until(PATHS.vm('vm-1'), 'as it was', isReady);
    cloud.silence(host);
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('is left alone while the others have not answered since it fell silent, though nobody says yet that they are silent', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    for (const { name, uid } of cloud.hosts()) {
      if (name === host) continue;
      for (const call of ['machine.*', 'host.*']) cloud.sim.faults.set({ call, endpoint: uid, count: 0, action: { do: 'hang' } });
    }
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'spared', because('StormGuard'));
    await pause(1500);
    expect([cloud.calls('power.off'), ...cloud.runningOn('vm-1')]).toEqual([0, host]);
  }, 60_000);

  test('is not switched off while its zone is paused, and what would be done is told in a dry run', async () => {
    await open({ hosts: 3 });
    await cloud.patch(PATHS.zone, { failover: { mode: 'Paused' } });
    const host = await cloud.runVm('vm-1');
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'paused', because('FailoverPaused'));
    await cloud.patch(PATHS.zone, { failover: { mode: 'DryRun' } });
    const said = await cloud.until(PATHS.host(host), 'rehearsed', because('DryRun'));
    expect(conditionIn(said, 'Fenced')?.message).toMatch(/it would be switched off so that default\/vm-1 can run elsewhere/);
    await told(host, ['FailoverPaused', 'DryRun']);
    await pause(1200);
    expect([cloud.calls('power.off'), ...cloud.runningOn('vm-1')]).toEqual([0, host]);
    await cloud.patch(PATHS.zone, { failover: { mode: 'Automatic' } });
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('that is the last one is not switched off, for nothing could take its VM', async () => {
    await open({ hosts: 2 });
    const host = await cloud.runVm('vm-1');
    const other = ['host-1', 'host-2'].find((name) => name !== host) ?? '';
    await cloud.patch(PATHS.host(other), { allocation: 'Cordoned' });
    cloud.silence(host);
    const said = await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(conditionIn(said)?.message).toMatch(/no other host is ready to take default\/vm-1$/);
    await pause(500);
    expect([cloud.calls('power.off'), ...cloud.runningOn('vm-1')]).toEqual([0, host]);
    await cloud.patch(PATHS.host(other), { allocation: 'Enabled' });
    expect(await cloud.movedFrom('vm-1', host)).toBe(other);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('that is proven dead can be removed once what ran there has moved', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1');
    cloud.powerLost(host);
    await cloud.bench.ask('DELETE', PATHS.host(host));
    const kept = await cloud.until(PATHS.host(host), 'kept', because('InUse'));
    expect(conditionIn(kept)?.message).toContain('VirtualMachine default/vm-1');
    await cloud.movedFrom('vm-1', host);
    await cloud.until(PATHS.host(host), 'gone', (object) => object === undefined);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('that loses a pool is not touched, nor is any other', async () => {
    await open({ hosts: 2 });
    const host = await cloud.runVm('vm-1');
    const uid = (await cloud.until(PATHS.pool, 'there', isReady))?.metadata.uid ?? '';
    for (const call of ['disk.*', 'pool.*']) {
      cloud.sim.faults.set({ call, endpoint: uid, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    }
    await cloud.restart();
    await cloud.until(PATHS.pool, 'silent', because('DriverUnreachable'));
    await pause(3000);
    for (const name of ['host-1', 'host-2']) await cloud.until(PATHS.host(name), 'as declared', isReady);
    expect([cloud.calls('power.off'), cloud.calls('machine.stop'), ...cloud.runningOn('vm-1')]).toEqual([0, 0, host]);
  }, 60_000);
});

describe('a host without a power driver', () => {
  test('that is silent keeps its VM, which is Unknown and runs nowhere else, and is untouched when it answers again', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1');
    const starts = cloud.calls('machine.start');
    cloud.silence(host);
    const said = await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(conditionIn(said)?.message).toContain('spec.outOfService');
    const vm = await cloud.until(PATHS.vm('vm-1'), 'unknown', because('HostUnreachable'));
    expect([conditionIn(vm)?.status, saidOf(vm).host]).toEqual(['Unknown', host]);
    await pause(2000);
    expect(cloud.runningOn('vm-1')).toEqual([host]);
    cloud.sim.faults.clear();
    await cloud.until(PATHS.vm('vm-1'), 'as it was', isReady);
    expect([cloud.calls('machine.start'), cloud.calls('machine.stop')]).toEqual([starts, 0]);
  }, 60_000);

  test('is looked at again and again, and nothing is written or changed for it', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1');
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.until(PATHS.vm('vm-1'), 'unknown', because('HostUnreachable'));
    await pause(300);
    const versions = async (): Promise<readonly string[]> => {
      const paths = [PATHS.zone, PATHS.vm('vm-1'), PATHS.volume('vm-1'), ...['host-1', 'host-2', 'host-3'].map(PATHS.host)];
      const read = await Promise.all(paths.map((path) => cloud.bench.ask('GET', path)));
      return read.map(({ body }) => `${body.metadata.name} ${body.metadata.resourceVersion}`);
    };
    const before = [await versions(), callCounts(cloud.sim.sim.world)];
    await pause(2000);
    expect([await versions(), callCounts(cloud.sim.sim.world)]).toEqual(before);
  }, 60_000);

  test("is proven dead by its operator's statement about the last boot seen, and by no other", async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1');
    cloud.powerLost(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host, 'an-older-boot');
    const said = await cloud.until(
      PATHS.host(host),
      'told',
      (object) => conditionIn(object, 'Fenced')?.message.includes('it is void') === true,
    );
    expect(saidOf(said).fence).toBeUndefined();
    await pause(500);
    expect(saidOf(await cloud.until(PATHS.vm('vm-1'), 'unknown', because('HostUnreachable'))).host).toBe(host);
    await cloud.statedDead(host);
    await cloud.until(PATHS.host(host), 'fenced', because('OutOfService', 'Fenced'));
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);
});
