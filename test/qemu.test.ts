import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGuest } from '../hack/guest.ts';
import { eventually, startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';

const READY = /LENTICULAR READY name=(\S+) disk2=(\d+)/;
const HEARTBEAT = /LENTICULAR HB (\d+) up=([\d.]+)/g;

/** Pids of the qemu processes whose files are in this folder. */
async function qemuIn(folder: string): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [program, command, stat] = await Promise.all([
        readlink(`/proc/${entry}/exe`),
        readFile(`/proc/${entry}/cmdline`, 'utf8'),
        readFile(`/proc/${entry}/stat`, 'utf8'),
      ]);
      const zombie = /^\d+ \(.*\) Z/s.test(stat);
      // The driver's probe for KVM is no machine: it has no folder of a VM.
      if (program.includes('qemu-system') && command.includes(folder) && command.includes('/vm/') && !zombie) pids.push(Number(entry));
    } catch {
      // It ended while we looked, or is the kernel's own.
    }
  }
  return pids;
}

async function filesBelow(folder: string, matching: RegExp): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  return entries.filter((entry) => matching.test(entry));
}

requires(
  'kubectl',
  'qemu-system-x86_64',
  'qemu-img',
  'busybox',
  'guest-kernel',
)('A real VM', () => {
  let cloud: Cloud;
  let drivers: string;

  beforeAll(async () => {
    cloud = await startCloud();
    drivers = join(cloud.dataDir, 'drivers', 'qemu');
    await buildGuest(join(drivers, 'images'), AbortSignal.timeout(60_000));
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function serial(): Promise<string> {
    const [log] = await filesBelow(drivers, /serial\.log$/);
    return log === undefined ? '' : readFile(join(drivers, log), 'utf8');
  }

  async function lastUptime(): Promise<number> {
    return Number([...(await serial()).matchAll(HEARTBEAT)].at(-1)?.[2] ?? 0);
  }

  test('boots from a manifest, and writes its name and the size of its second disk to its serial console', async () => {
    const started = performance.now();
    expect(await cloud.kubectl('apply', '-f', 'manifests/samples/qemu.yaml')).toMatchObject({ code: 0 });
    const line = await eventually('the guest writes to its console', 60_000, async () => READY.exec(await serial()) ?? undefined);
    process.stdout.write(`apply to the guest's line: ${String(Math.round(performance.now() - started))} ms\n`);
    const { stdout } = await cloud.kubectl('get', 'vm,volumes', '-A', '-o', 'json');
    const { items } = JSON.parse(stdout) as {
      items: readonly { kind: string; metadata: { name: string }; spec: { disks?: readonly { volume: string }[]; size?: string } }[];
    };
    const vm = items.find(({ kind }) => kind === 'VirtualMachine');
    const second = items.find(({ metadata }) => metadata.name === vm?.spec.disks?.[1]?.volume);
    expect(line[1]).toBe(vm?.metadata.name);
    const mebibytes = Number(/^(\d+)Mi$/.exec(second?.spec.size ?? '')?.[1]);
    expect(Number(line[2])).toBe(mebibytes * 2 ** 20);
    expect(await cloud.kubectl('wait', 'vm', '--all', '--for=condition=Ready', '--timeout=20s')).toMatchObject({ code: 0 });
    process.stdout.write(`${(await cloud.kubectl('get', 'hosts,storagepools,volumes,vms', '-A')).stdout}\n`);
  }, 90_000);

  test('keeps running while cloudd is killed, and is adopted without a call that changes it', async () => {
    const pids = await qemuIn(drivers);
    expect(pids).toHaveLength(1);
    const before = { uptime: await lastUptime(), records: await records() };
    await cloud.kill();
    await eventually('the guest goes on', 10_000, async () => (await lastUptime()) > before.uptime || undefined);
    await cloud.start('--sample', 'none');
    expect(await cloud.kubectl('wait', 'vm', '--all', '--for=condition=Ready', '--timeout=30s')).toMatchObject({ code: 0 });
    expect(await qemuIn(drivers)).toEqual(pids);
    const after = await lastUptime();
    await eventually('the guest still goes on', 10_000, async () => (await lastUptime()) > after || undefined);
    expect([...(await serial()).matchAll(new RegExp(READY, 'g'))]).toHaveLength(1);
    // Every mutating call writes the machine's record first: the same records mean that there was none.
    expect(await records()).toEqual(before.records);
  }, 90_000);

  async function records(): Promise<readonly string[]> {
    const files = await filesBelow(drivers, /\.json$/);
    return Promise.all(files.map(async (file) => `${file}: ${await readFile(join(drivers, file), 'utf8')}`));
  }

  test('is gone after kubectl delete, with its process and its files', async () => {
    expect(await cloud.kubectl('delete', 'vm,volumes', '--all', '--timeout=90s')).toMatchObject({ code: 0 });
    expect(await qemuIn(drivers)).toEqual([]);
    expect(await filesBelow(drivers, /qcow2|serial\.log|\.sock$|pid$/)).toEqual([]);
  }, 120_000);
});
