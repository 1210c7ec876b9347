import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGuest } from '../../hack/guest.ts';
import { requires } from '../../test/prerequisites.ts';
import type { MachineDisk, MachineSpec } from '../contract/machine.ts';
import {
  FENCE,
  folderOf,
  NEVER,
  newDisk,
  newState,
  openWorld,
  ownerOf,
  pidOf,
  tellGuest,
  waitFor,
  waitForPower,
  waitForSerial,
  type QemuWorld,
} from '../../test/qemu/world.ts';

const MIB = 2 ** 20;
const UID = 'b52a6f3e-5d0c-4f57-9f4e-1d1f6ad3c001';

const SLOW_MS = 60_000;

requires(
  'qemu-system-x86_64',
  'qemu-img',
  'busybox',
  'guest-kernel',
)('a machine with a guest', () => {
  let state: Awaited<ReturnType<typeof newState>>;
  let world: QemuWorld;
  let disks: readonly MachineDisk[];
  let spec: MachineSpec;
  let boots = 0;

  const start = async (): Promise<void> => {
    await world.machine.start(world.host, UID, NEVER);
    boots += 1;
    await waitForSerial(state.root, UID, /LENTICULAR READY/, boots);
  };
  const lastUptime = async (): Promise<number> => {
    const log = await readFile(folderOf(state.root, UID).serialLog, 'utf8');
    return Number([...log.matchAll(/LENTICULAR HB \d+ up=([\d.]+)/g)].at(-1)?.[1]);
  };

  beforeAll(async () => {
    state = await newState();
    await buildGuest(join(state.root, 'images'), NEVER);
    world = await openWorld(state.root);
    disks = [await newDisk(world, 'root', 64 * MIB), await newDisk(world, 'data', 32 * MIB)];
    spec = {
      owner: { ...ownerOf(UID), name: 'web-1' },
      cpus: 1,
      memoryBytes: 128 * MIB,
      boot: { kernel: 'demo-kernel', initrd: 'demo-initrd', cmdline: 'quiet mitigations=off panic=-1' },
      disks,
      interfaces: [{ name: 'net', mac: '52:54:00:00:00:01', mode: 'user' }],
      userData: '#cloud-config\nhostname: web-1\n',
    };
  }, SLOW_MS);
  afterAll(async () => {
    world.end();
    await state.dispose();
  }, SLOW_MS);

  test(
    'boots, and says its name, the size of its second disk and its user data on the console',
    async () => {
      const began = performance.now();
      expect(await world.machine.ensure(world.host, spec, NEVER)).toMatchObject({ power: 'stopped', stopCause: 'never-started' });
      await start();
      const line = await waitForSerial(state.root, UID, /LENTICULAR READY .*/);
      console.log(`first Ensure to the guest's line: ${((performance.now() - began) / 1000).toFixed(1)} s`);
      expect(line[0].trim()).toBe(`LENTICULAR READY name=web-1 disk2=${32 * MIB} userdata=30`);
    },
    SLOW_MS,
  );

  test(
    'the same description again changes nothing, and another one waits for the next start',
    async () => {
      const { record } = folderOf(state.root, UID);
      const before = await stat(record);
      expect(await world.machine.ensure(world.host, spec, NEVER)).toMatchObject({ power: 'running', pendingChanges: [] });
      expect((await stat(record)).ino).toBe(before.ino);
      expect(await world.machine.ensure(world.host, { ...spec, cpus: 2 }, NEVER)).toMatchObject({ cpus: 1, pendingChanges: ['cpus'] });
    },
    SLOW_MS,
  );

  test(
    'a new driver on the same state finds it running with the same process, and the guest notices nothing',
    async () => {
      const before = { pid: pidOf(state.root, UID), uptime: await lastUptime(), record: await stat(folderOf(state.root, UID).record) };
      world.end();
      world = await openWorld(state.root);
      expect(await world.machine.get(world.host, UID, NEVER)).toMatchObject({ power: 'running', pendingChanges: ['cpus'], drift: [] });
      await waitFor('the next heartbeat', async () => ((await lastUptime()) > before.uptime ? true : undefined));
      expect(pidOf(state.root, UID)).toBe(before.pid);
      expect((await stat(folderOf(state.root, UID).record)).ino).toBe(before.record.ino);
    },
    SLOW_MS,
  );

  test(
    'a disk is attached, grown and detached while the guest runs, and the guest sees it',
    async () => {
      const extra = await newDisk(world, 'extra', 16 * MIB);
      const attached = await world.machine.attachDisk(world.host, UID, extra, NEVER);
      expect(attached.disks.map(({ uid }) => uid)).toEqual(['root', 'data', 'extra']);
      expect((await world.machine.attachDisk(world.host, UID, extra, NEVER)).disks).toHaveLength(3);
      await tellGuest(state.root, UID, 'until [ -e /sys/block/vdd ]; do sleep 0.1; done; echo EXTRA $(cat /sys/block/vdd/size)');
      await waitForSerial(state.root, UID, new RegExp(`EXTRA ${(16 * MIB) / 512}\\b`));
      await expect(world.machine.growDisk(world.host, UID, { uid: 'extra', sizeBytes: 8 * MIB }, NEVER)).rejects.toMatchObject({
        reason: 'SHRINK_REFUSED',
      });
      const grown = await world.machine.growDisk(world.host, UID, { uid: 'extra', sizeBytes: 24 * MIB }, NEVER);
      expect(grown.disks.find(({ uid }) => uid === 'extra')?.sizeBytes).toBe(24 * MIB);
      await tellGuest(state.root, UID, 'sleep 0.2; echo GROWN $(cat /sys/block/vdd/size)');
      await waitForSerial(state.root, UID, new RegExp(`GROWN ${(24 * MIB) / 512}\\b`));
      await expect(world.disk.unpublish(world.pool, { uid: 'extra', hostId: 'host-a' }, NEVER)).rejects.toMatchObject({ reason: 'IN_USE' });
      const detached = await world.machine.detachDisk(world.host, UID, 'extra', NEVER);
      expect(detached).toMatchObject({ drift: [], disks: [{ uid: 'root' }, { uid: 'data' }] });
      expect((await world.machine.detachDisk(world.host, UID, 'extra', NEVER)).disks).toHaveLength(2);
      await world.disk.unpublish(world.pool, { uid: 'extra', hostId: 'host-a' }, NEVER);
      await world.disk.delete(world.pool, 'extra', NEVER);
    },
    SLOW_MS,
  );

  test(
    'a graceful stop is the guest’s own, and the next start follows the newer description',
    async () => {
      const stopping = await world.machine.stop(world.host, UID, { mode: 'graceful', deadlineMs: 30_000 }, NEVER);
      expect(stopping.power === 'stopped' || stopping.stoppingSinceMs !== undefined).toBe(true);
      expect(await waitForPower(world, UID, 'stopped')).toMatchObject({ stopCause: 'requested', cpus: 2, pendingChanges: [] });
      expect(await waitForSerial(state.root, UID, /LENTICULAR POWERDOWN/)).toBeDefined();
      await start();
      expect(await world.machine.get(world.host, UID, NEVER)).toMatchObject({ power: 'running', cpus: 2, pendingChanges: [] });
    },
    SLOW_MS,
  );

  test(
    'a guest that reboots stays running, in the same process',
    async () => {
      const pid = pidOf(state.root, UID);
      await tellGuest(state.root, UID, 'reboot -f');
      boots += 1;
      await waitForSerial(state.root, UID, /LENTICULAR READY/, boots);
      expect(await world.machine.get(world.host, UID, NEVER)).toMatchObject({ power: 'running' });
      expect(pidOf(state.root, UID)).toBe(pid);
    },
    SLOW_MS,
  );

  test(
    'a guest that shuts itself down is told apart from one that was asked to, and its process is put away',
    async () => {
      await tellGuest(state.root, UID, 'poweroff -f');
      expect(await waitForPower(world, UID, 'stopped')).toMatchObject({ stopCause: 'guest-shutdown' });
      expect(() => pidOf(state.root, UID)).toThrow('no engine');
    },
    SLOW_MS,
  );

  test(
    'a guest that panics has crashed',
    async () => {
      await start();
      await tellGuest(state.root, UID, 'echo c > /proc/sysrq-trigger');
      expect(await waitForPower(world, UID, 'stopped')).toMatchObject({ stopCause: 'crashed' });
    },
    SLOW_MS,
  );

  test(
    'deleting it leaves no process and no file, and a late Ensure does not bring it back',
    async () => {
      await world.machine.delete(world.host, UID, NEVER);
      await world.machine.delete(world.host, UID, NEVER);
      await expect(stat(folderOf(state.root, UID).path)).rejects.toMatchObject({ code: 'ENOENT' });
      for (const { uid } of disks) {
        await world.disk.unpublish(world.pool, { uid, hostId: 'host-a' }, NEVER);
        await world.disk.delete(world.pool, uid, NEVER);
      }
      expect(await world.disk.list(world.pool, NEVER)).toEqual([]);
      await expect(world.machine.ensure(world.host, spec, NEVER)).rejects.toMatchObject({ reason: 'TOMBSTONED' });
      const placedAgain = { ...world.host, fence: { ...FENCE, placementEpoch: 2 } };
      expect(await world.machine.ensure(placedAgain, { ...spec, disks: [] }, NEVER)).toMatchObject({ power: 'stopped' });
    },
    SLOW_MS,
  );
});
