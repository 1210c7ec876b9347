import { eventually, startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { sim, simThings, simWorld } from './sim.ts';

const VOLUME =
  'apiVersion: storage.lenticular.dev/v1alpha1\nkind: Volume\nmetadata: {name: data-9}\nspec: {storagePool: pool-1, size: 1Gi}\n';

requires('kubectl')('What is left of objects that were given up on', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud('--sample', 'quickstart');
    expect(await cloud.cloudctl('wait', 'vm/vm-1', '--timeout=60s')).toMatchObject({ code: 0 });
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
  });

  /** What diff prints, once it is as asked. */
  async function diffOnce(fits: (lines: string) => boolean): Promise<string> {
    return eventually('the difference', 30_000, async () => {
      const { code, stdout } = await cloud.cloudctl('diff', '--all');
      expect(code).toBe(stdout === '' ? 0 : 1);
      return fits(stdout) ? `${stdout}.` : undefined;
    });
  }

  const converged = (lines: string): boolean => lines === '';

  test('is told as a difference, is deleted by a person only, and then there is none', async () => {
    await diffOnce(converged);
    expect(await cloud.cloudctlWith(VOLUME, 'apply', '-f', '-', '--wait', '--timeout', '30s')).toMatchObject({ code: 0 });
    const before = await simThings(cloud);
    const pool = (await simWorld(cloud)).pools[0]?.uid ?? '';
    await sim(cloud, { do: 'fault', call: '*', endpoint: pool, count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
    await cloud.kubectl('patch', 'volume', 'data-9', '--type=merge', '-p', '{"spec":{"abandon":{"reason":"burnt"}}}');
    expect(await cloud.cloudctl('delete', 'volume', 'data-9', '--timeout', '30s')).toMatchObject({ code: 0 });
    await sim(cloud, { do: 'clear' });
    const told = await diffOnce((lines) => lines.startsWith('orphan') && lines.split('\n').length === 2);
    const [, id = ''] = /^orphan +Disk (\S+) +data-9, on StoragePool pool-1\n\.$/.exec(told) ?? [];
    expect(before).toContain(id);
    expect((await cloud.cloudctl('gc')).stdout).toBe(`Disk ${id} (data-9) on StoragePool pool-1: cloudctl gc --confirm ${id}\n`);
    expect(await simThings(cloud)).toEqual(before);

    const { code, stdout } = await cloud.cloudctl('gc', '--confirm', id, '--timeout', '30s');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Disk ${id} (data-9) on StoragePool pool-1 deleted\n` });
    expect(await simThings(cloud)).toEqual(before.filter((thing) => thing !== id));
    await diffOnce(converged);
  }, 150_000);

  test('is not what never was ours: that is told, and refused', async () => {
    const host = (await simWorld(cloud)).hosts[0]?.uid ?? '';
    await sim(cloud, { do: 'plant', what: 'machine', host, id: 'foreign-1' });
    await diffOnce((lines) => /^foreign +Machine foreign-1 +on Host host-[12]\n$/.test(lines));
    const { code, stderr } = await cloud.cloudctl('gc', '--confirm', 'foreign-1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Machine foreign-1 on Host host-[12] is foreign, and only orphans are deleted\n$/);
    expect(await simThings(cloud)).toContain('foreign-1');
  }, 60_000);
});
