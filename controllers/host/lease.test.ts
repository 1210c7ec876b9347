import { hostDocs } from '../../drivers/sim/documents.ts';
import { because, conditionIn, isReady, openDeclaredCloud, pause, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

/** Next to what is there already. */
const PACKED = { placement: { strategy: 'Pack' } };

let cloud: DeclaredCloud;

async function open(leaseSeconds = 1, hosts = 3): Promise<void> {
  cloud = await openDeclaredCloud({ hosts, power: false, leaseSeconds });
  for (let host = 1; host <= hosts; host += 1) {
    await cloud.until(PATHS.host(`host-${host}`), 'leased', (object) => saidOf(object).leaseSeconds === leaseSeconds);
  }
}

const isLeased = (object: Parameters<typeof isReady>[0]): boolean => isReady(object) && saidOf(object).leased === true;

/** Whether a host has taken one VM, and its machine, into account. */
function countsOne(object: Parameters<typeof isReady>[0]): boolean {
  const { allocated, machines } = saidOf(object) as { readonly allocated?: { readonly cpus: number }; readonly machines?: number };
  return allocated?.cpus === 1 && machines === 1;
}

afterEach(async () => {
  await cloud.close();
});

describe('a host with a lease and nothing else that could prove it dead', () => {
  test('keeps its VMs for as long as it is renewed', async () => {
    await open();
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    const before = await cloud.until(PATHS.host(host), 'summed up', countsOne);
    await pause(3000);
    const after = await cloud.bench.ask('GET', PATHS.host(host));
    expect(after.body.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
    expect([cloud.runningOn('vm-1'), cloud.calls('machine.start')]).toEqual([[host], 1]);
  }, 40_000);

  test('that is cut off stops its VM by itself before it is started elsewhere, and is cleaned when it answers again', async () => {
    await open();
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    cloud.silence(host);
    const fenced = await cloud.until(PATHS.host(host), 'fenced', because('Fenced'));
    const { uid } = (await cloud.bench.ask('GET', PATHS.vm('vm-1'))).body.metadata;
    expect(saidOf(fenced).fence).toMatchObject({ bootId: saidOf(fenced).bootId, evidence: 'LeaseExpired', machines: [uid] });
    expect(conditionIn(fenced, 'Fenced')).toMatchObject({ status: 'True', reason: 'LeaseExpired' });
    const refuge = await cloud.movedFrom('vm-1', host);
    await cloud.until(PATHS.volume('vm-1'), 'claimed there', (object) => saidOf(object).claim?.host === refuge);
    expect(cloud.mostCopies()).toBe(1);
    cloud.sim.faults.clear();
    const back = await cloud.until(PATHS.host(host), 'clean', (object) => isReady(object) && saidOf(object).fence === undefined);
    expect([saidOf(back).leaseSeconds, cloud.simHost(host).machines]).toEqual([1, []]);
    expect([cloud.runningOn('vm-1'), cloud.mostCopies()]).toEqual([[refuge], 1]);
  }, 60_000);

  test('whose answers are all lost, though it hears what it is told, is counted dead no sooner than it has stopped its VM', async () => {
    await open();
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    const { uid } = cloud.simHost(host);
    cloud.sim.faults.set({ call: 'host.*', endpoint: uid, count: 0, action: { do: 'lost-answer' } });
    const refuge = await cloud.movedFrom('vm-1', host);
    expect([cloud.runningOn('vm-1'), cloud.mostCopies()]).toEqual([[refuge], 1]);
  }, 60_000);

  test('does not free a VM that waits for its host, which runs on, with its disk', async () => {
    await open();
    const host = await cloud.runVm('vm-1', PACKED);
    expect(await cloud.runVm('waits', { onHostFailure: 'Wait', ...PACKED })).toBe(host);
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    cloud.silence(host);
    await cloud.movedFrom('vm-1', host);
    expect(cloud.runningOn('waits')).toEqual([host]);
    // Neither its deletion nor that of its disk is done without proof.
    await cloud.patch(PATHS.vm('waits'), { disks: [] });
    await cloud.bench.ask('DELETE', PATHS.volume('waits'));
    const kept = await cloud.until(PATHS.volume('waits'), 'kept', because('InUse'));
    expect(conditionIn(kept)?.message).toMatch(/waits for proof/);
    await cloud.bench.ask('DELETE', PATHS.vm('waits'));
    await cloud.until(PATHS.vm('waits'), 'kept', because('HostUnreachable'));
    await pause(500);
    expect([cloud.runningOn('waits'), saidOf(await cloud.until(PATHS.volume('waits'), 'claimed', () => true)).claim?.host]).toEqual([
      [host],
      host,
    ]);
    cloud.sim.faults.clear();
    await cloud.until(PATHS.vm('waits'), 'gone', (object) => object === undefined);
    await cloud.until(PATHS.volume('waits'), 'gone', (object) => object === undefined);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('of a VM that is to run elsewhere only from a moment on when nobody could tell its host, it proves nothing', async () => {
    await open();
    const host = await cloud.runVm('vm-1', PACKED);
    expect(await cloud.runVm('vm-2', { onHostFailure: 'Wait', ...PACKED })).toBe(host);
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'silent', because('DriverUnreachable', 'Ready'));
    await cloud.patch(PATHS.vm('vm-2'), { onHostFailure: 'Reschedule' });
    await cloud.movedFrom('vm-1', host);
    const said = await cloud.until(PATHS.host(host), 'told', (object) => conditionIn(object)?.message.includes('default/vm-2') === true);
    expect(conditionIn(said)?.message).toMatch(/nothing proves that of default\/vm-2$/);
    await pause(500);
    expect(cloud.runningOn('vm-2')).toEqual([host]);
    await cloud.statedDead(host);
    await cloud.until(PATHS.host(host), 'stated', because('OutOfService', 'Fenced'));
  }, 60_000);

  test('is counted from anew by new controllers, which never heard of it', async () => {
    await open();
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    cloud.silence(host);
    await cloud.restart();
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    await pause(3500);
    const { body } = await cloud.bench.ask('GET', PATHS.host(host));
    expect([saidOf(body).fence, conditionIn(body)?.reason]).toEqual([undefined, 'Suspect']);
    expect(conditionIn(body)?.message).toMatch(/its lease of 1 s is waited for to run out/);
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('in a zone where failover is paused, its VM is started elsewhere only when that is no more', async () => {
    await open();
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    await cloud.patch(PATHS.zone, { failover: { mode: 'Paused' } });
    cloud.silence(host);
    const paused = await cloud.until(PATHS.host(host), 'paused', because('FailoverPaused'));
    expect(conditionIn(paused)?.message).toMatch(/its lease has stopped default\/vm-1, which are not started elsewhere/);
    await cloud.patch(PATHS.zone, { failover: { mode: 'DryRun' } });
    await cloud.until(PATHS.host(host), 'rehearsed', because('DryRun'));
    await cloud.patch(PATHS.zone, { failover: { mode: 'Automatic' } });
    await cloud.movedFrom('vm-1', host);
    expect(cloud.mostCopies()).toBe(1);
  }, 60_000);

  test('starts its VM again where it was, when controllers come back after its lease', async () => {
    // With another host it might run there by then.
    await open(1, 1);
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    cloud.silence(host);
    for (let left = 300; left > 0 && cloud.runningOn('vm-1').length > 0; left -= 1) await pause(10);
    expect(cloud.runningOn('vm-1')).toEqual([]);
    cloud.sim.faults.clear();
    for (let left = 1000; left > 0 && cloud.runningOn('vm-1').length === 0; left -= 1) await pause(10);
    expect([cloud.runningOn('vm-1'), cloud.mostCopies()]).toEqual([[host], 1]);
    await cloud.until(PATHS.vm('vm-1'), 'running', isLeased);
  }, 60_000);

  test('whose lease is taken away, or given back, goes on without a stop', async () => {
    await open(1, 1);
    const host = await cloud.runVm('vm-1');
    await cloud.until(PATHS.vm('vm-1'), 'leased', isLeased);
    await cloud.patch(PATHS.host(host), { driver: { name: 'sim', config: { leaseSeconds: 0 } } });
    await cloud.until(PATHS.host(host), 'without a lease', (object) => isReady(object) && saidOf(object).leaseSeconds === undefined);
    await cloud.until(PATHS.vm('vm-1'), 'not leased', (object) => isReady(object) && saidOf(object).leased === undefined);
    await pause(1500);
    await cloud.patch(PATHS.host(host), { driver: { name: 'sim', config: { leaseSeconds: 2 } } });
    await cloud.until(PATHS.host(host), 'leased again', (object) => saidOf(object).leaseSeconds === 2);
    await cloud.until(PATHS.vm('vm-1'), 'leased again', isLeased);
    await pause(2500);
    expect([cloud.runningOn('vm-1'), cloud.calls('machine.start')]).toEqual([[host], 1]);
  }, 60_000);

  test('is not renewed by a younger object that leads to the same machine', async () => {
    await open(1, 1);
    const { body } = await cloud.bench.ask('GET', PATHS.host('host-1'));
    const { hostId } = body.status as { readonly hostId: string };
    // Ages are told by the second.
    await pause(1100);
    const spec = { pod: 'rack-1', driver: { name: 'sim', config: { hostId, leaseSeconds: 1 } } };
    await cloud.declare('/apis/infra.lenticular.dev/v1alpha1/hosts', 'Host', 'twin', spec);
    await cloud.until(PATHS.host('twin'), 'found out', because('DuplicateHost'));
    await pause(1500);
    const twin = hostDocs(cloud.sim.sim.world).find(({ name }) => name === 'twin');
    expect([twin?.hostId, twin?.lease]).toEqual([hostId, undefined]);
    const { body: said } = await cloud.bench.ask('GET', PATHS.host('twin'));
    expect(saidOf(said).leaseSeconds).toBeUndefined();
  }, 40_000);
});
