import { because, conditionIn, isReady, openDeclaredCloud, pause, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

/** Next to what is there already. */
const PACKED = { placement: { strategy: 'Pack' } };

let cloud: DeclaredCloud;

async function open(options: Parameters<typeof openDeclaredCloud>[0]): Promise<void> {
  cloud = await openDeclaredCloud(options);
}

afterEach(async () => {
  await cloud.close();
});

describe('a host that was proven dead', () => {
  test('that comes back is cleaned of what moved before anything is placed or started there', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1', PACKED);
    expect(await cloud.runVm('waits', { onHostFailure: 'Wait', ...PACKED })).toBe(host);
    cloud.powerLost(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host);
    const refuge = await cloud.movedFrom('vm-1', host);
    // For as long as the old copy cannot be removed, the host is used for nothing.
    cloud.sim.faults.set({ call: 'machine.delete', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    cloud.powerBack(host);
    const cleaning = await cloud.until(PATHS.host(host), 'being cleaned', because('Cleaning'));
    expect(saidOf(cleaning).fence?.evidence).toBe('OutOfService');
    expect(conditionIn(cleaning)?.message).toContain('default/vm-1');
    const waits = await cloud.until(
      PATHS.vm('waits'),
      'kept from starting',
      (object) => conditionIn(object)?.message.includes('is cleaned') === true,
    );
    expect(saidOf(waits).host).toBe(host);
    expect(await cloud.runVm('new')).not.toBe(host);
    expect(cloud.runningOn('waits')).toEqual([]);
    cloud.sim.faults.clear();
    const clean = await cloud.until(PATHS.host(host), 'clean', isReady);
    expect(saidOf(clean).fence).toBeUndefined();
    expect(conditionIn(clean, 'Fenced')?.status).toBe('False');
    expect(cloud.simHost(host).machines.map(({ name }) => name)).not.toContain('vm-1');
    expect(cloud.runningOn('vm-1')).toEqual([refuge]);
    await cloud.until(PATHS.vm('waits'), 'running', isReady);
    expect(cloud.runningOn('waits')).toEqual([host]);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('that was declared dead and was not keeps the disks that its copies hold, until they are removed', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1');
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host);
    await cloud.until(PATHS.vm('vm-1'), 'waiting for its disk', because('WaitingForClaims'));
    await pause(500);
    expect(cloud.runningOn('vm-1')).toEqual([host]);
    cloud.sim.faults.clear();
    const refuge = await cloud.movedFrom('vm-1', host);
    expect(cloud.runningOn('vm-1')).toEqual([refuge]);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('that was declared dead and was not has its copy stopped as soon as it answers, and the mark keeps it from coming back', async () => {
    await open({ hosts: 3, power: false });
    // Without a disk nothing but the statement keeps two copies apart, and that is wrong.
    const host = await cloud.runVm('vm-1', { disks: [] });
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host);
    const refuge = await cloud.movedFrom('vm-1', host);
    expect([...cloud.runningOn('vm-1')].sort()).toEqual([host, refuge].sort());
    cloud.sim.faults.clear();
    // The statement stands, so the host is cleaned and used for nothing else.
    await cloud.until(PATHS.host(host), 'out of service', because('OutOfService'));
    expect([cloud.runningOn('vm-1'), cloud.simHost(host).machines]).toEqual([[refuge], []]);
    const [grave] = cloud.sim.sim.world.list('tombstones', cloud.simHost(host).uid);
    expect(grave).toMatchObject({ placementEpoch: 2 });
    await cloud.patch(PATHS.host(host), { outOfService: null });
    await cloud.until(PATHS.host(host), 'as declared', isReady);
  }, 60_000);
});

describe('a cleaning', () => {
  test('whose answers are lost, under controllers that die in it, ends all the same, and touches nothing else', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1', { disks: [] });
    for (const name of ['vm-2', 'vm-3']) await cloud.runVm(name, { disks: [], ...PACKED });
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host);
    await cloud.movedFrom('vm-1', host);
    cloud.sim.faults.clear();
    const { uid } = cloud.simHost(host);
    cloud.sim.faults.set({ call: 'machine.stop', endpoint: uid, count: 1, action: { do: 'lost-answer', then: 'hang' } });
    for (const call of ['machine.stop', 'machine.delete']) {
      cloud.sim.faults.set({ call, endpoint: uid, count: 2, action: { do: 'lost-answer', then: 'unknown' } });
    }
    const began = (): boolean => cloud.calls('machine.stop') > 0;
    for (let left = 500; left > 0 && !began(); left -= 1) await pause(10);
    expect(began()).toBe(true);
    await cloud.restart();
    await cloud.until(PATHS.host(host), 'clean', because('OutOfService'));
    expect(cloud.simHost(host).machines).toEqual([]);
    for (const name of ['vm-1', 'vm-2', 'vm-3']) {
      const { host: refuge = '' } = saidOf(await cloud.until(PATHS.vm(name), 'running', isReady));
      expect(cloud.runningOn(name)).toEqual([refuge]);
      expect(refuge).not.toBe(host);
    }
  }, 60_000);
});

describe('a VM whose host is proven dead', () => {
  test('under Wait waits for the host, and runs there again', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1', { onHostFailure: 'Wait' });
    cloud.powerLost(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(cloud.calls('power.off')).toBe(0);
    await cloud.statedDead(host);
    const waits = await cloud.until(PATHS.vm('vm-1'), 'waiting', because('HostFailed'));
    expect([saidOf(waits).host, conditionIn(waits)?.message]).toEqual([
      host,
      `Host ${host} is proven dead (OutOfService); onHostFailure is Wait: it waits for the host`,
    ]);
    cloud.powerBack(host);
    await cloud.until(PATHS.vm('vm-1'), 'running', (object) => isReady(object) && because('Running')(object));
    expect(cloud.runningOn('vm-1')).toEqual([host]);
  }, 60_000);

  test('cannot go where its disk cannot, and says so', async () => {
    await open({ hosts: 3 });
    const storage = '/apis/storage.lenticular.dev/v1alpha1';
    await cloud.declare(`${storage}/storagepools`, 'StoragePool', 'local', { scope: { host: 'host-2' }, driver: { name: 'sim' } });
    await cloud.declare(`${storage}/namespaces/default/volumes`, 'Volume', 'local-1', { storagePool: 'local', size: '1Gi' });
    const host = await cloud.runVm('vm-1', { disks: [{ name: 'data', volume: 'local-1' }] });
    expect(host).toBe('host-2');
    cloud.powerLost(host);
    const said = await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(conditionIn(said)?.message).toMatch(/no virtual machine here is to run elsewhere$/);
    await cloud.statedDead(host);
    const stays = await cloud.until(PATHS.vm('vm-1'), 'told', because('HostFailed'));
    expect([saidOf(stays).host, conditionIn(stays)?.message]).toEqual([
      host,
      'Host host-2 is proven dead (OutOfService); it waits for the host, because Volume local-1 is in StoragePool local of that host alone',
    ]);
    cloud.powerBack(host);
    await cloud.until(PATHS.vm('vm-1'), 'running there', (object) => isReady(object) && because('Running')(object));
    expect([cloud.calls('power.off'), ...cloud.runningOn('vm-1')]).toEqual([0, host]);
  }, 60_000);

  test('under Fail stays off until a new restartToken starts it elsewhere', async () => {
    await open({ hosts: 3 });
    const host = await cloud.runVm('vm-1', { onHostFailure: 'Fail' });
    cloud.powerLost(host);
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await cloud.statedDead(host);
    await cloud.until(PATHS.vm('vm-1'), 'failed', because('HostFailed'));
    await pause(500);
    expect(cloud.runningOn('vm-1')).toEqual([]);
    await cloud.patch(PATHS.vm('vm-1'), { restartToken: 'again' });
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('can be deleted, and its disk goes to another', async () => {
    await open({ hosts: 3, power: false });
    const host = await cloud.runVm('vm-1');
    cloud.powerLost(host);
    await cloud.bench.ask('DELETE', PATHS.vm('vm-1'));
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(await cloud.until(PATHS.vm('vm-1'), 'kept', (object) => object !== undefined)).toBeDefined();
    await cloud.statedDead(host);
    await cloud.until(PATHS.vm('vm-1'), 'gone', (object) => object === undefined);
    await cloud.until(PATHS.volume('vm-1'), 'free', (object) => saidOf(object).claim === undefined);
  }, 60_000);
});
