import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requires } from '../../test/prerequisites.ts';
import { FENCE, NEVER, newState, openWorld, ownerOf, waitFor, type QemuWorld } from '../../test/qemu/world.ts';
import type { Operation } from '../contract/disk.ts';
import { operationOf, readFill } from './disk-fill.ts';
import type { PoolEndpoint } from './pool-endpoint.ts';
import { diskFolder, findDisk, writeDisk } from './disk-record.ts';

const MIB = 2 ** 20;
const SLOW_MS = 30_000;

requires('qemu-img')('disks of a pool', () => {
  let state: Awaited<ReturnType<typeof newState>>;
  let world: QemuWorld;
  let images: string;

  const owner = (uid: string) => ownerOf(uid, 'Volume');
  const ended = (id: string): Promise<Operation> =>
    waitFor(`operation ${id}`, async () => {
      const operation = await world.operation.get(world.pool, id, NEVER);
      return operation?.state === 'running' ? undefined : operation;
    });

  beforeAll(async () => {
    state = await newState();
    images = join(state.root, 'images');
    await mkdir(images);
    await writeFile(join(images, 'small.raw'), Buffer.alloc(MIB, 'lenticular'));
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(images, 'empty.qcow2'), '4M']);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', '/etc/hostname', '-F', 'raw', join(images, 'backed.qcow2'), '4M']);
    await writeFile(join(images, 'liar.qcow2'), Buffer.alloc(MIB));
    world = await openWorld(state.root);
  });
  afterAll(async () => {
    world.end();
    await state.dispose();
  });

  test('the same disk twice is one, its size whole sectors; another size or owner under its uid is refused', async () => {
    const disk = await world.disk.ensure(world.pool, { owner: owner('a'), sizeBytes: MIB + 1 }, NEVER);
    expect(disk).toMatchObject({ id: 'a', sizeBytes: MIB + 512, owner: owner('a'), publishedTo: [] });
    expect(await world.disk.ensure(world.pool, { owner: owner('a'), sizeBytes: MIB + 1 }, NEVER)).toEqual(disk);
    await expect(world.disk.ensure(world.pool, { owner: owner('a'), sizeBytes: 2 * MIB }, NEVER)).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'OTHER_CONTENT',
    });
    const other = { ...owner('a'), name: 'other' };
    await expect(world.disk.ensure(world.pool, { owner: other, sizeBytes: MIB + 1 }, NEVER)).rejects.toMatchObject({
      reason: 'FOREIGN_OWNER',
    });
  });

  test('a disk grows while nobody holds it, and never shrinks', async () => {
    expect(await world.disk.expand(world.pool, { uid: 'a', sizeBytes: 4 * MIB }, NEVER)).toMatchObject({ sizeBytes: 4 * MIB });
    await expect(world.disk.expand(world.pool, { uid: 'a', sizeBytes: MIB }, NEVER)).rejects.toMatchObject({ reason: 'SHRINK_REFUSED' });
    await expect(world.disk.expand(world.pool, { uid: 'nobody', sizeBytes: MIB }, NEVER)).rejects.toMatchObject({
      reason: 'DISK_NOT_FOUND',
    });
  });

  test('a published disk is not deleted, and a deleted one never returns', async () => {
    const connection = await world.disk.publish(world.pool, { uid: 'a', hostId: 'host-1' }, NEVER);
    expect(connection).toEqual({ protocol: 'file-qcow2', attributes: { path: expect.stringMatching(/^\/.*disk\.qcow2$/) as unknown } });
    await expect(world.disk.delete(world.pool, 'a', NEVER)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'IN_USE' });
    await world.disk.unpublish(world.pool, { uid: 'a', hostId: 'host-1' }, NEVER);
    await world.disk.unpublish(world.pool, { uid: 'a', hostId: 'host-1' }, NEVER);
    await world.disk.delete(world.pool, 'a', NEVER);
    await world.disk.delete(world.pool, 'a', NEVER);
    expect(await world.disk.get(world.pool, 'a', NEVER)).toBeUndefined();
    const later = { ...world.pool, fence: { ...FENCE, generation: 9, placementEpoch: 9 } };
    await expect(world.disk.ensure(later, { owner: owner('a'), sizeBytes: MIB }, NEVER)).rejects.toMatchObject({ reason: 'TOMBSTONED' });
  });

  test(
    'an import brings the image’s bytes and the disk’s own size; the same id is the same operation',
    async () => {
      const wanted = { owner: owner('imported'), sizeBytes: 8 * MIB, image: 'small.raw', operationId: 'imported:1:import' };
      await world.disk.import(world.pool, wanted, NEVER);
      await world.disk
        .import(world.pool, wanted, NEVER)
        .catch((error: unknown) => expect(error).toMatchObject({ reason: 'OPERATION_PENDING' }));
      expect(await ended('imported:1:import')).toMatchObject({ state: 'succeeded', percent: 100, bytesDone: MIB, bytesTotal: MIB });
      expect(await world.disk.get(world.pool, 'imported', NEVER)).toMatchObject({ sizeBytes: 8 * MIB });
      const { attributes } = await world.disk.publish(world.pool, { uid: 'imported', hostId: 'h' }, NEVER);
      const raw = join(state.root, 'out.raw');
      execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', attributes.path ?? '', raw]);
      expect((await readFile(raw)).subarray(0, MIB).equals(await readFile(join(images, 'small.raw')))).toBe(true);
      expect(await world.disk.import(world.pool, wanted, NEVER)).toMatchObject({ state: 'succeeded' });
      const left = (): Promise<readonly string[]> => readdir(join(state.root, 'pools', 'pool-a', 'operations'));
      await waitFor('the record alone is left', async () => ((await left()).length === 1 ? true : undefined));
    },
    SLOW_MS,
  );

  test('an operation that ends while somebody looks at it does not fall back to its beginning', async () => {
    const dir = join(state.root, 'pools', 'pool-a');
    const fill = await readFill(dir, 'imported:1:import', NEVER);
    if (fill === undefined) throw new Error('it has no record');
    const seenBefore = { ...fill, state: 'running' as const };
    expect(await operationOf({ dir } as PoolEndpoint, seenBefore, NEVER)).toMatchObject({ state: 'succeeded', percent: 100 });
  });

  test(
    'a clone is a copy of its own',
    async () => {
      await world.disk.clone(world.pool, { owner: owner('copy'), sizeBytes: 8 * MIB, sourceUid: 'imported', operationId: 'copy-1' }, NEVER);
      expect(await ended('copy-1')).toMatchObject({ state: 'succeeded', uid: 'copy' });
      const paths = await Promise.all(['imported', 'copy'].map((uid) => world.disk.publish(world.pool, { uid, hostId: 'h' }, NEVER)));
      execFileSync('qemu-img', [
        'compare',
        '-q',
        '-s',
        '-f',
        'qcow2',
        '-F',
        'qcow2',
        ...paths.map(({ attributes }) => attributes.path ?? ''),
      ]);
    },
    SLOW_MS,
  );

  test.each([
    ['../small.raw', 'FIELD_INVALID'],
    ['/etc/passwd', 'FIELD_INVALID'],
    ['-o.raw', 'FIELD_INVALID'],
    ['small.raw\n', 'FIELD_INVALID'],
    ['json:{}', 'FIELD_INVALID'],
    ['absent.raw', 'IMAGE_NOT_FOUND'],
    ['backed.qcow2', 'OTHER_CONTENT'],
    ['liar.qcow2', 'OTHER_CONTENT'],
  ])('the image %j is refused: %s', async (image, reason) => {
    const wanted = { owner: owner('bad'), sizeBytes: 8 * MIB, image, operationId: 'bad-1' };
    await expect(world.disk.import(world.pool, wanted, NEVER)).rejects.toMatchObject({ reason });
    expect(await world.operation.get(world.pool, 'bad-1', NEVER)).toBeUndefined();
  });

  test('an image larger than the disk is refused', async () => {
    const wanted = { owner: owner('tiny'), sizeBytes: MIB, image: 'empty.qcow2', operationId: 'tiny-1' };
    await expect(world.disk.import(world.pool, wanted, NEVER)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      metadata: { field: 'sizeBytes' },
    });
  });

  test(
    'an import that a driver’s death cut short is finished by the next driver, and a cancelled one leaves nothing',
    async () => {
      await writeFile(join(images, 'big.raw'), Buffer.alloc(256 * MIB, 'x'));
      const wanted = (uid: string) => ({ owner: owner(uid), sizeBytes: 256 * MIB, image: 'big.raw', operationId: `${uid}-1` });
      await world.disk.import(world.pool, wanted('survivor'), NEVER);
      world.end();
      world = await openWorld(state.root);
      expect(await ended('survivor-1')).toMatchObject({ state: 'succeeded' });
      expect(await world.disk.get(world.pool, 'survivor', NEVER)).toMatchObject({ sizeBytes: 256 * MIB });
      await world.disk.import(world.pool, wanted('cancelled'), NEVER);
      await world.operation.cancel(world.pool, 'cancelled-1', NEVER);
      await world.operation.cancel(world.pool, 'cancelled-1', NEVER);
      expect(await world.operation.get(world.pool, 'cancelled-1', NEVER)).toMatchObject({ state: 'cancelled' });
      expect(await world.disk.get(world.pool, 'cancelled', NEVER)).toBeUndefined();
      const left = await readdir(join(state.root, 'pools', 'pool-a', 'operations'));
      expect(left.filter((name) => !name.endsWith('.json'))).toEqual([]);
    },
    SLOW_MS,
  );

  test('a disk is taken in whole, wherever a death cut that short, and its old uid takes nothing more', async () => {
    const dir = join(state.root, 'pools', 'pool-a');
    const adoption = { id: 'old', owner: owner('new'), from: 'old' };
    await world.disk.ensure(world.pool, { owner: owner('old'), sizeBytes: MIB }, NEVER);
    await world.disk.release(world.pool, 'old', NEVER);
    const before = await findDisk(dir, 'old', NEVER);
    if (before === undefined) throw new Error('there is no disk');
    // The record is there, the image is not yet: the disk is still the old one.
    await writeDisk({ folder: diskFolder(dir, 'new'), record: { ...before.record, owner: owner('new'), released: false } }, NEVER);
    expect(await world.disk.get(world.pool, 'new', NEVER)).toBeUndefined();
    expect(await world.disk.get(world.pool, 'old', NEVER)).toMatchObject({ released: true });
    const adopted = await world.disk.adopt(world.pool, adoption, NEVER);
    expect(adopted).toMatchObject({ id: 'new', owner: owner('new'), released: false, sizeBytes: MIB, generation: 0 });
    // The image has moved, and what is left of the old one did not go.
    await writeDisk(before, NEVER);
    expect(await world.disk.adopt(world.pool, adoption, NEVER)).toEqual(adopted);
    await expect(stat(diskFolder(dir, 'old').path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(world.disk.ensure(world.pool, { owner: owner('old'), sizeBytes: MIB }, NEVER)).rejects.toMatchObject({
      reason: 'TOMBSTONED',
    });
    await world.disk.delete(world.pool, 'new', NEVER);
  });

  test('a pool tells its size, what it holds, and how it is reached', async () => {
    const pool = await world.driver.pool?.observe(world.pool, NEVER);
    expect(pool).toMatchObject({ protocols: ['file-qcow2'] });
    expect(pool?.disks.map(({ id }) => id)).toEqual(['copy', 'imported', 'survivor']);
    expect(pool?.usedBytes).toBe(pool?.disks.reduce((sum, { actualSizeBytes }) => sum + actualSizeBytes, 0));
    expect(pool?.capacityBytes).toBeGreaterThan(pool?.usedBytes ?? Infinity);
    expect((await stat(join(state.root, 'pools', 'pool-a'))).mode & 0o077).toBe(0);
  });
});
