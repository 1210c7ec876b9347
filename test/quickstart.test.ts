import { childrenOf, eventually, residentBytes, startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { simCalls } from './sim.ts';

const ALL = 'zones,racks,hosts,storagepools,volumes,vms';
const MAX_RSS_BYTES = 250 * 1024 * 1024;

interface Listed {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

requires('kubectl')('The quickstart', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud('--sample', 'quickstart');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
    await allReady();
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function listed(): Promise<Listed> {
    return JSON.parse((await cloud.kubectl('get', ALL, '-A', '-o', 'json')).stdout) as Listed;
  }

  async function allReady(): Promise<void> {
    await eventually('everything is Ready', 30_000, async () => {
      const { items } = await listed();
      return (
        items.every(({ status }) => status.conditions.some(({ type, status: now }) => type === 'Ready' && now === 'True')) || undefined
      );
    });
  }

  async function versions(): Promise<readonly string[]> {
    return (await listed()).items.map(({ kind, metadata }) => `${kind}/${metadata.name}@${metadata.resourceVersion}`);
  }

  test('shows every kind Ready, in columns that say what matters', async () => {
    const { stdout } = await cloud.kubectl('get', ALL, '-A');
    process.stdout.write(`${stdout}\n`);
    expect(stdout).toMatch(/^NAME +READY +RACKS +HOSTS +VMS +AGE$/m);
    expect(stdout).toMatch(/^default +virtualmachine\.compute\.lenticular\.dev\/vm-1 +True +Running +Running +host-[12] +\d+ +\S+ +\d+s$/m);
    expect((await listed()).items.map(({ kind }) => kind).sort()).toEqual([
      'Host',
      'Host',
      'Pod',
      'StoragePool',
      'VirtualMachine',
      'Volume',
      'Zone',
    ]);
  });

  test('ends with everything Ready on the screen, and the next commands to type', async () => {
    await eventually('the next commands', 20_000, () => cloud.output().includes('kubectl get') || undefined);
    expect(cloud.output()).toMatch(/KUBECONFIG/);
    expect(cloud.output()).toContain('vm vm-1');
  });

  test('a second apply of the same file changes no resourceVersion and causes no driver call', async () => {
    const before = { versions: await versions(), calls: await simCalls(cloud) };
    // kubectl says "configured" where a list's items were given defaults, though nothing is written: the versions are what counts.
    expect(await cloud.kubectl('apply', '-f', 'manifests/samples/quickstart.yaml')).toMatchObject({ code: 0 });
    const ours = await cloud.cloudctl('apply', '-f', 'manifests/samples/quickstart.yaml');
    expect(ours.stdout.match(/ unchanged$/gm)).toHaveLength(before.versions.length);
    expect(await versions()).toEqual(before.versions);
    expect(await simCalls(cloud)).toEqual(before.calls);
  });

  test('an idle cloud writes nothing but Leases', async () => {
    const before = await versions();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await versions()).toEqual(before);
  });

  test('takes at most 250 MiB of memory, drivers included', async () => {
    const pids = [cloud.pid(), ...(await childrenOf(cloud.pid()))];
    const bytes = await Promise.all(pids.map(residentBytes));
    const total = bytes.reduce((sum, one) => sum + one, 0);
    process.stdout.write(
      `resident: ${bytes.map((one) => String(Math.round(one / 2 ** 20))).join(' + ')} MiB = ${String(Math.round(total / 2 ** 20))} MiB\n`,
    );
    expect(pids.length).toBeGreaterThan(1);
    expect(total).toBeLessThanOrEqual(MAX_RSS_BYTES);
  });

  test('Ctrl-C ends cloudd and its drivers, and the next start finds everything as it was', async () => {
    const before = { versions: await versions(), calls: await simCalls(cloud) };
    const drivers = await childrenOf(cloud.pid());
    expect(await cloud.interrupt()).toBe(0);
    for (const pid of drivers) expect(await residentBytes(pid)).toBe(0);
    const started = performance.now();
    await cloud.start('--sample', 'quickstart');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=20s')).toMatchObject({ code: 0 });
    process.stdout.write(`second start to Ready: ${String(Math.round(performance.now() - started))} ms\n`);
    await allReady();
    // A new leader and a new driver process are recorded on the zone and the hosts; nothing else has changed.
    const recorded = /^(Zone|Host)\//;
    expect((await versions()).filter((one) => !recorded.test(one))).toEqual(before.versions.filter((one) => !recorded.test(one)));
    expect(await simCalls(cloud)).toEqual(before.calls);
  });

  test('a VM is deleted with all that belongs to it, and the volume stays until it is deleted too', async () => {
    expect(await cloud.kubectl('delete', 'vm', 'vm-1', '--wait', '--timeout=60s')).toMatchObject({ code: 0 });
    expect(
      await cloud.kubectl(
        'wait',
        'volume/data-1',
        '--for=jsonpath={.status.conditions[?(@.type=="Attached")].status}=False',
        '--timeout=20s',
      ),
    ).toMatchObject({ code: 0 });
    expect(
      await cloud.cloudctl('delete', '-f', 'manifests/samples/quickstart.yaml', '--ignore-not-found', '--timeout', '60s'),
    ).toMatchObject({ code: 0 });
    expect((await listed()).items).toEqual([]);
  }, 150_000);
});
