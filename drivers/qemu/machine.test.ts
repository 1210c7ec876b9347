import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requires } from '../../test/prerequisites.ts';
import {
  CLOCK,
  FENCE,
  firmwareOnly,
  folderOf,
  NEVER,
  newDisk,
  newState,
  openWorld,
  ownerOf,
  pidOf,
  waitFor,
  waitForPower,
  type QemuWorld,
} from '../../test/qemu/world.ts';
import type { MachineSpec } from '../contract/machine.ts';

const MIB = 2 ** 20;
const SLOW_MS = 30_000;

/** The letter of a process's state, or `gone`. */
async function stateOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => ') gone');
  return /\) (\S+)/.exec(text.slice(text.lastIndexOf(')')))?.[1] ?? 'gone';
}

requires('qemu-system-x86_64', 'qemu-img')('a machine without a guest', () => {
  let state: Awaited<ReturnType<typeof newState>>;
  let world: QemuWorld;

  const run = async (spec: MachineSpec): Promise<void> => {
    await world.machine.ensure(world.host, spec, NEVER);
    await world.machine.start(world.host, spec.owner.uid, NEVER);
  };
  const away = async (uid: string): Promise<void> => {
    await world.machine.stop(world.host, uid, { mode: 'hard' }, NEVER);
    await world.machine.delete(world.host, uid, NEVER);
  };

  beforeAll(async () => {
    state = await newState();
    world = await openWorld(state.root);
  });
  afterAll(async () => {
    world.end();
    await state.dispose();
  });

  test(
    'a hard stop is proven when it answers, and repeats are fine',
    async () => {
      await run(firmwareOnly('hard'));
      await world.machine.start(world.host, 'hard', NEVER);
      await expect(world.machine.delete(world.host, 'hard', NEVER)).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'NEEDS_STOP',
      });
      for (let time = 0; time < 2; time += 1) {
        expect(await world.machine.stop(world.host, 'hard', { mode: 'hard' }, NEVER)).toMatchObject({
          power: 'stopped',
          stopCause: 'requested',
        });
      }
      expect(() => pidOf(state.root, 'hard')).toThrow('no engine');
      await world.machine.delete(world.host, 'hard', NEVER);
    },
    SLOW_MS,
  );

  test(
    'a guest that ignores its power button is ended at the deadline, by the next driver if need be',
    async () => {
      await run(firmwareOnly('deaf'));
      const first = await world.machine.stop(world.host, 'deaf', { mode: 'graceful', deadlineMs: 1500 }, NEVER);
      expect(first).toMatchObject({ power: 'running' });
      const again = await world.machine.stop(world.host, 'deaf', { mode: 'graceful', deadlineMs: 600_000 }, NEVER);
      expect(again.stoppingSinceMs).toBe(first.stoppingSinceMs);
      world.end();
      world = await openWorld(state.root);
      expect(await world.machine.get(world.host, 'deaf', NEVER)).toMatchObject({
        power: 'running',
        stoppingSinceMs: first.stoppingSinceMs,
      });
      // Nobody asks: the driver's own ticker ends it.
      await waitFor('the engine to end', () => {
        try {
          pidOf(state.root, 'deaf');
          return undefined;
        } catch {
          return true;
        }
      });
      expect(await waitForPower(world, 'deaf', 'stopped')).toMatchObject({ stopCause: 'requested' });
      await world.machine.delete(world.host, 'deaf', NEVER);
    },
    SLOW_MS,
  );

  test(
    'an engine that is killed has crashed, and watchers hear of it within two seconds',
    async () => {
      await run(firmwareOnly('killed'));
      await world.machine.get(world.host, 'killed', NEVER);
      const done = new AbortController();
      const events = world.driver.watch(AbortSignal.any([done.signal, AbortSignal.timeout(2000)]))[Symbol.asyncIterator]();
      expect((await events.next()).value).toMatchObject({ type: 'RESYNC' });
      process.kill(pidOf(state.root, 'killed'), 'SIGKILL');
      expect((await events.next()).value).toMatchObject({ type: 'machine', uid: 'killed', session: world.host.session });
      done.abort();
      expect(await waitForPower(world, 'killed', 'stopped')).toMatchObject({ stopCause: 'crashed' });
      await world.machine.delete(world.host, 'killed', NEVER);
    },
    SLOW_MS,
  );

  test(
    'an engine that does not answer is unknown: neither stopped nor started nor deleted',
    async () => {
      await run(firmwareOnly('frozen'));
      const pid = pidOf(state.root, 'frozen');
      process.kill(pid, 'SIGSTOP');
      expect(await world.machine.get(world.host, 'frozen', NEVER)).toMatchObject({ power: 'unknown' });
      world.end();
      world = await openWorld(state.root);
      expect(await world.machine.get(world.host, 'frozen', NEVER)).toMatchObject({ power: 'unknown' });
      await expect(world.machine.start(world.host, 'frozen', NEVER)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(world.machine.delete(world.host, 'frozen', NEVER)).rejects.toMatchObject({ reason: 'NEEDS_STOP' });
      process.kill(pid, 'SIGCONT');
      expect(await waitForPower(world, 'frozen', 'running')).toMatchObject({ id: 'frozen' });
      expect(pidOf(state.root, 'frozen')).toBe(pid);
      process.kill(pid, 'SIGSTOP');
      await away('frozen');
      // A process that has ended stays in the table, as a zombie, until its parent gets round to it.
      expect(await stateOf(pid)).toMatch(/^(gone|Z)$/);
    },
    SLOW_MS,
  );

  test(
    'a machine is found although its pid file is lost',
    async () => {
      await run(firmwareOnly('lost'));
      const { pidFile } = folderOf(state.root, 'lost');
      await rename(pidFile, `${pidFile}.away`);
      expect(await world.machine.get(world.host, 'lost', NEVER)).toMatchObject({ power: 'running' });
      await rename(`${pidFile}.away`, pidFile);
      await away('lost');
    },
    SLOW_MS,
  );

  test(
    'a disk is open in one machine at most',
    async () => {
      const disk = await newDisk(world, 'shared', MIB);
      await run(firmwareOnly('first', [disk]));
      await world.machine.ensure(world.host, firmwareOnly('second', [disk]), NEVER);
      await expect(world.machine.start(world.host, 'second', NEVER)).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'IN_USE',
      });
      expect(await world.machine.get(world.host, 'second', NEVER)).toMatchObject({ power: 'stopped', stopCause: 'never-started' });
      await expect(world.disk.expand(world.pool, { uid: 'shared', sizeBytes: 2 * MIB }, NEVER)).rejects.toMatchObject({ reason: 'IN_USE' });
      await away('first');
      await away('second');
    },
    SLOW_MS,
  );

  test(
    'a guest that does not let a disk go is busy, and keeps it',
    async () => {
      const disk = await newDisk(world, 'kept', MIB);
      await run(firmwareOnly('busy', [disk]));
      await expect(world.machine.detachDisk(world.host, 'busy', 'kept', NEVER)).rejects.toMatchObject({
        code: 'ABORTED',
        reason: 'GUEST_BUSY',
      });
      expect(await world.machine.get(world.host, 'busy', NEVER)).toMatchObject({ disks: [{ uid: 'kept' }], drift: [] });
      await away('busy');
    },
    SLOW_MS,
  );

  test('an older leader, an older decision and another installation are refused, and a restored store is not', async () => {
    const at = (fence: Partial<typeof FENCE>) => ({ ...world.host, fence: { ...FENCE, shard: 'zone-b', ...fence } });
    const spec = firmwareOnly('fenced');
    await world.machine.ensure(at({ epoch: 5, generation: 3 }), spec, NEVER);
    await expect(world.machine.ensure(at({ epoch: 4, generation: 9 }), spec, NEVER)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'STALE_EPOCH',
      metadata: { epoch: '5' },
    });
    await expect(world.machine.start(at({ epoch: 5, generation: 2 }), 'fenced', NEVER)).rejects.toMatchObject({
      metadata: { generation: '3' },
    });
    await expect(world.machine.delete(at({ installation: 'there', epoch: 9, generation: 9 }), 'fenced', NEVER)).rejects.toMatchObject({
      reason: 'FOREIGN_OWNER',
    });
    expect(await world.machine.ensure(at({ incarnation: 2, epoch: 1, generation: 1 }), spec, NEVER)).toMatchObject({ generation: 1 });
    await world.machine.delete(at({ incarnation: 2 }), 'fenced', NEVER);
  });

  test('of two calls on one machine at once, one is told to come again', async () => {
    const calls = [1, 2].map(() => world.machine.ensure(world.host, firmwareOnly('twice'), NEVER));
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(settled.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'ABORTED', reason: 'OPERATION_PENDING' } });
    await world.machine.delete(world.host, 'twice', NEVER);
  });

  test(
    'what is handed back is listed and never touched again',
    async () => {
      await run(firmwareOnly('released'));
      await world.machine.release(world.host, 'released', NEVER);
      await world.machine.release(world.host, 'released', NEVER);
      expect(await world.machine.list(world.host, NEVER)).toMatchObject([{ id: 'released', released: true, power: 'running' }]);
      await expect(world.machine.stop(world.host, 'released', { mode: 'hard' }, NEVER)).rejects.toMatchObject({ reason: 'FOREIGN_OWNER' });
      await expect(world.machine.delete(world.host, 'released', NEVER)).rejects.toMatchObject({ reason: 'FOREIGN_OWNER' });
      expect(pidOf(state.root, 'released')).toBeGreaterThan(1);
    },
    SLOW_MS,
  );

  test.each(['../k', '/etc/passwd', '-k', 'a/b', 'k\0', 'k\n', '', 'K'])('no kernel is looked up under the name %j', async (kernel) => {
    const spec = { ...firmwareOnly('hostile'), boot: { kernel } };
    await expect(world.machine.ensure(world.host, spec, NEVER)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'FIELD_INVALID',
    });
    expect(await world.machine.get(world.host, 'hostile', NEVER)).toBeUndefined();
  });

  test.each(['a,serial=b', '../x', 'A', 'x\n', ''])('no machine is made under the name %j', async (name) => {
    const spec = { ...firmwareOnly('hostile'), owner: { ...ownerOf('hostile'), name } };
    await expect(world.machine.ensure(world.host, spec, NEVER)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('an image that is a link out of the images folder does not exist', async () => {
    const images = join(state.root, 'images');
    await mkdir(images, { recursive: true });
    await symlink('/etc/hostname', join(images, 'outside'));
    const spec = { ...firmwareOnly('linked'), boot: { kernel: 'outside' } };
    await world.machine.ensure(world.host, spec, NEVER);
    await expect(world.machine.start(world.host, 'linked', NEVER)).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'IMAGE_NOT_FOUND' });
    expect(await world.machine.get(world.host, 'linked', NEVER)).toMatchObject({ power: 'stopped', stopCause: 'never-started' });
    await world.machine.delete(world.host, 'linked', NEVER);
  });

  test('a connection that is no plain qcow2 file at its real path is not opened', async () => {
    const disk = await newDisk(world, 'plain', MIB);
    const at = (path: string) => ({ ...disk, connection: { protocol: 'file-qcow2', attributes: { path } } });
    const real = disk.connection.attributes.path ?? '';
    await symlink(real, join(state.root, 'link.qcow2'));
    await writeFile(join(state.root, 'text.qcow2'), '#!/bin/sh\n'.repeat(100));
    for (const [path, reason] of [
      [join(state.root, 'link.qcow2'), 'FIELD_INVALID'],
      [join(state.root, 'text.qcow2'), 'OTHER_CONTENT'],
      [join(state.root, 'absent.qcow2'), 'DISK_NOT_FOUND'],
      [state.root, 'FIELD_INVALID'],
    ] as const) {
      await world.machine.ensure(world.host, firmwareOnly('careful', [at(path)]), NEVER);
      await expect(world.machine.start(world.host, 'careful', NEVER)).rejects.toMatchObject({ reason });
    }
    await expect(world.machine.ensure(world.host, firmwareOnly('careful', [at('relative')]), NEVER)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await world.machine.delete(world.host, 'careful', NEVER);
  });

  test('a start that fails says why in the engine’s words, and leaves the machine stopped', async () => {
    await mkdir(join(state.root, 'images'), { recursive: true });
    await writeFile(join(state.root, 'images', 'no-kernel'), 'x');
    await world.machine.ensure(world.host, { ...firmwareOnly('broken'), boot: { kernel: 'no-kernel' } }, NEVER);
    await expect(world.machine.start(world.host, 'broken', NEVER)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/kernel/) as unknown,
    });
    expect(await world.machine.get(world.host, 'broken', NEVER)).toMatchObject({ power: 'stopped', stopCause: 'never-started' });
    await world.machine.delete(world.host, 'broken', NEVER);
  });

  test('a host tells what it is, and a session that is draining or unknown takes nothing', async () => {
    const observed = await world.driver.host?.observe(world.host, NEVER);
    expect(observed).toMatchObject({ facts: { accelerator: 'tcg' } });
    expect(observed?.cpus).toBeGreaterThan(0);
    await expect(openWorld(state.root, { stateDir: `/tmp/${'x'.repeat(90)}` })).rejects.toMatchObject({ metadata: { field: 'stateDir' } });
    const drained = await openWorld(state.root, {}, CLOCK);
    await drained.driver.session.drain(drained.host.session, NEVER);
    await expect(drained.machine.ensure(drained.host, firmwareOnly('late'), NEVER)).rejects.toMatchObject({ reason: 'DRAINING' });
    await drained.driver.session.close(drained.host.session, NEVER);
    await expect(drained.machine.list(drained.host, NEVER)).rejects.toMatchObject({ reason: 'SESSION_UNKNOWN' });
    drained.end();
  });

  test(
    'KVM is taken only where something really booted with it, and a session does not wait to find out',
    async () => {
      const began = performance.now();
      const auto = await openWorld(state.root, { accelerator: 'auto' });
      expect(performance.now() - began).toBeLessThan(1000);
      const known = await waitFor('the probe', async () => (await auto.driver.host?.observe(auto.host, NEVER))?.facts.accelerator);
      expect(['kvm', 'tcg']).toContain(known);
      auto.end();
      expect((await readdir(state.root)).filter((name) => name.startsWith('probe-'))).toEqual([]);
    },
    SLOW_MS,
  );

  test('nothing but what was handed back is left', async () => {
    expect((await world.machine.list(world.host, NEVER)).map(({ id }) => id)).toEqual(['released']);
    expect(await readdir(join(state.root, 'hosts', 'host-a', 'vm'))).toHaveLength(1);
    expect(((await stat(join(state.root, 'hosts', 'host-a'))).mode & 0o777).toString(8)).toBe('700');
    expect(world.log).toEqual([]);
  });
});
