import { eventually, startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { sim, simCalls, simWorld, type SimWorld } from './sim.ts';

requires('kubectl')('cloudd killed with kill -9', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud('--sample', 'quickstart');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
  });

  async function readyReason(): Promise<string> {
    return (await cloud.kubectl('get', 'vm', 'vm-1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}')).stdout;
  }

  test('leaves VMs running; the next one finds them again, calls nothing that changes a machine, and is Ready', async () => {
    const before = { calls: await simCalls(cloud), world: await simWorld(cloud) };
    await cloud.kill();
    await cloud.start('--sample', 'none');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=30s')).toMatchObject({ code: 0 });
    // Longer than the next looks at every object take.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await readyReason()).toBe('Running');
    expect(await simCalls(cloud)).toEqual(before.calls);
    const powers = ({ hosts }: SimWorld): readonly string[] =>
      hosts.flatMap(({ machines }) => machines.map(({ id, power }) => `${id} ${power}`));
    expect(powers(await simWorld(cloud))).toEqual(powers(before.world));
  }, 60_000);

  test('in the middle of making VMs, the next one finishes the work and makes nothing twice', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `burst-${String(index)}`);
    const manifests = names.map((name) =>
      JSON.stringify({
        apiVersion: 'compute.lenticular.dev/v1alpha1',
        kind: 'VirtualMachine',
        metadata: { name },
        spec: { cpus: 1, memory: '64Mi' },
      }),
    );
    expect(await cloud.kubectlWith(manifests.join('\n'), 'create', '-f', '-')).toMatchObject({ code: 0 });
    await cloud.kill();
    await cloud.start('--sample', 'none');
    expect(await cloud.kubectl('wait', ...names.map((name) => `vm/${name}`), '--for=condition=Ready', '--timeout=60s')).toMatchObject({
      code: 0,
    });
    const machines = (await simWorld(cloud)).hosts.flatMap((host) => host.machines.map(({ id }) => id));
    expect(machines).toHaveLength(names.length + 1);
    expect(new Set(machines).size).toBe(machines.length);
  }, 120_000);

  test('a VM whose machine dies is started again, and says so in its events', async () => {
    const uid = (await cloud.kubectl('get', 'vm', 'vm-1', '-o', 'jsonpath={.metadata.uid}')).stdout;
    const before = (await simCalls(cloud))['machine.start'] ?? 0;
    await sim(cloud, { do: 'crash', uid });
    await eventually(
      'the machine is started again',
      20_000,
      async () => ((await simCalls(cloud))['machine.start'] ?? 0) > before || undefined,
    );
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=20s')).toMatchObject({ code: 0 });
    expect((await cloud.kubectl('describe', 'vm', 'vm-1')).stdout).toMatch(/GuestRestarts|Starting/);
  }, 60_000);

  test('a device that hangs holds up its own objects and nobody else', async () => {
    const { stdout: host } = await cloud.kubectl('get', 'vm', 'vm-1', '-o', 'jsonpath={.status.host}');
    const uid = (await cloud.kubectl('get', 'host', host, '-o', 'jsonpath={.metadata.uid}')).stdout;
    await sim(cloud, { do: 'fault', call: '*', endpoint: uid, count: 0, action: { do: 'hang' } });
    expect(
      await cloud.kubectlWith('apiVersion: infra.lenticular.dev/v1alpha1\nkind: Zone\nmetadata: {name: zone-2}\n', 'create', '-f', '-'),
    ).toMatchObject({ code: 0 });
    await eventually('the other zone is looked at', 15_000, async () => {
      const { stdout } = await cloud.kubectl('get', 'zone', 'zone-2', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}');
      return stdout === 'NoHosts' || undefined;
    });
    await sim(cloud, { do: 'clear' });
    expect(await cloud.kubectl('wait', `host/${host}`, '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
  }, 120_000);
});
