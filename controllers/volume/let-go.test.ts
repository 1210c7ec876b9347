import { journalTail } from '../../drivers/sim/journal.ts';
import { because, isReady, openDeclaredCloud, pause, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

let cloud: DeclaredCloud;

beforeEach(async () => {
  cloud = await openDeclaredCloud({ hosts: 1 });
}, 20_000);

afterEach(async () => {
  await cloud.close();
});

const DATA = { disks: [{ name: 'data', volume: 'data' }] };
const VOLUMES = '/apis/storage.lenticular.dev/v1alpha1/namespaces/default/volumes';
const VMS = '/apis/compute.lenticular.dev/v1alpha1/namespaces/default/virtualmachines';

const uidOf = async (vm: string): Promise<string> => (await cloud.bench.ask('GET', PATHS.vm(vm))).body.metadata.uid;

/** Whether a call that gives a machine its disks is under way, as the world has it. */
function isUnderWay(uid: string): boolean {
  const calls = journalTail(cloud.sim.sim.world, 50);
  return calls.some(
    (call) => call.uid === uid && call.outcome === 'pending' && ['machine.ensure', 'machine.attachDisk'].includes(call.call),
  );
}

async function underWay(uid: string): Promise<void> {
  for (let left = 500; left > 0 && !isUnderWay(uid); left -= 1) await pause(5);
  expect(isUnderWay(uid)).toBe(true);
}

/** Looks, until the claim is the other's, that it never was while the call was under way. */
async function handedOver(uid: string, to: string): Promise<void> {
  for (let left = 4000; left > 0; left -= 1) {
    const before = isUnderWay(uid);
    const { body } = await cloud.bench.ask('GET', PATHS.volume('data'));
    const holder = saidOf(body).claim?.virtualMachine;
    // The claim may be nobody's only when nothing is under way any more.
    if (before && isUnderWay(uid)) expect(holder).toBe('vm-1');
    if (holder === to) return;
    await pause(3);
  }
  throw new Error(`the disk was not handed to ${to}`);
}

test('a disk that is dropped while the machine is being made with it is let go only when that has landed', async () => {
  await cloud.declare(VOLUMES, 'Volume', 'data', { storagePool: 'pool-1', size: '1Gi' });
  cloud.sim.faults.set({ call: 'machine.ensure', count: 1, action: { do: 'delay', ms: 1500 } });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-1', { cpus: 1, memory: '1Gi', ...DATA });
  const uid = await uidOf('vm-1');
  await underWay(uid);
  await cloud.patch(PATHS.vm('vm-1'), { disks: [] });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', ...DATA });
  await handedOver(uid, 'vm-2');
  await cloud.until(PATHS.vm('vm-2'), 'running', isReady);
  await cloud.until(PATHS.vm('vm-1'), 'running', isReady);
}, 40_000);

test('a disk that is dropped while it is attached is let go only when that has landed, and another VM gets it', async () => {
  await cloud.declare(VOLUMES, 'Volume', 'data', { storagePool: 'pool-1', size: '1Gi' });
  await cloud.runVm('vm-1', { disks: [] });
  const uid = await uidOf('vm-1');
  cloud.sim.faults.set({ call: 'machine.attachDisk', uid, count: 1, action: { do: 'delay', ms: 1000 } });
  await cloud.patch(PATHS.vm('vm-1'), DATA);
  await underWay(uid);
  await cloud.patch(PATHS.vm('vm-1'), { disks: [] });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', ...DATA });
  await handedOver(uid, 'vm-2');
  await cloud.until(PATHS.vm('vm-2'), 'running', isReady);
}, 40_000);

test('a disk that is dropped by a VM which waits for another, and was never made, goes at once', async () => {
  await cloud.declare(VOLUMES, 'Volume', 'data', { storagePool: 'pool-1', size: '1Gi' });
  const disks = [...DATA.disks, { name: 'more', volume: 'more' }];
  await cloud.declare(VOLUMES, 'Volume', 'more', { storagePool: 'pool-1', size: '1Gi' });
  cloud.sim.faults.set({ call: 'disk.*', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-1', { cpus: 1, memory: '1Gi', disks });
  cloud.sim.faults.clear();
  await cloud.until(PATHS.volume('data'), 'claimed', (object) => saidOf(object).claim?.virtualMachine === 'vm-1');
  await cloud.patch(PATHS.vm('vm-1'), { disks: [{ name: 'other', volume: 'nowhere' }] });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-2', { cpus: 1, memory: '1Gi', ...DATA });
  await cloud.until(PATHS.vm('vm-2'), 'running', isReady);
  await cloud.until(PATHS.vm('vm-1'), 'waiting', because('VolumeNotFound'));
}, 40_000);

test('a disk that is dropped by a VM which shall not run any more, before it was made, goes, and the VM needs no place', async () => {
  await cloud.declare(VOLUMES, 'Volume', 'data', { storagePool: 'pool-1', size: '1Gi' });
  cloud.sim.faults.set({ call: 'machine.ensure', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
  await cloud.declare(VMS, 'VirtualMachine', 'vm-1', { cpus: 1, memory: '1Gi', ...DATA });
  await cloud.until(PATHS.volume('data'), 'claimed', (object) => saidOf(object).claim?.virtualMachine === 'vm-1');
  await cloud.patch(PATHS.vm('vm-1'), { disks: [], running: false });
  cloud.sim.faults.clear();
  await cloud.until(PATHS.volume('data'), 'free', (object) => isReady(object) && saidOf(object).claim === undefined);
  const rests = await cloud.until(PATHS.vm('vm-1'), 'resting', (object) => isReady(object) && because('Stopped')(object));
  expect(saidOf(rests).host).toBeUndefined();
}, 40_000);
