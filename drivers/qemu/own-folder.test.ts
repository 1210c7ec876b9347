import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownFolder } from './own-folder.ts';

const NEVER = new AbortController().signal;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'own-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

test('a folder that is missing is made for its owner alone', async () => {
  const path = await ownFolder(join(root, 'new'), 'stateDir', NEVER);
  expect(await modeOf(path)).toBe(0o700);
});

test('the mode of a folder that is there is left as it is', async () => {
  await mkdir(join(root, 'shared'));
  await chmod(join(root, 'shared'), 0o755);
  expect(await modeOf(await ownFolder(join(root, 'shared'), 'stateDir', NEVER))).toBe(0o755);
});

test.each([0o775, 0o757, 0o1777])('a folder that others can write to is refused and not changed, with mode %i', async (mode) => {
  await mkdir(join(root, 'open'));
  await chmod(join(root, 'open'), mode);
  await expect(ownFolder(join(root, 'open'), 'dir', NEVER)).rejects.toMatchObject({
    reason: 'CONFIG_INVALID',
    metadata: { field: 'dir' },
    message: expect.stringContaining('writable by its group or by others') as string,
  });
  expect(await modeOf(join(root, 'open'))).toBe(mode & 0o777);
});
