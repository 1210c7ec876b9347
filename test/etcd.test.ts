import { startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { startTestEtcd, type TestEtcd } from './programs/etcd.ts';
import { simCalls } from './sim.ts';

requires('kubectl', 'etcd')('cloudd on etcd', () => {
  let etcd: TestEtcd;
  let cloud: Cloud;

  beforeAll(async () => {
    etcd = await startTestEtcd();
    cloud = await startCloud('--store', 'etcd', '--etcd', etcd.endpoint, '--sample', 'quickstart');
  }, 120_000);

  afterAll(async () => {
    await cloud.remove();
    await etcd.end();
  });

  test('brings the quickstart up, as on the embedded store', async () => {
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=30s')).toMatchObject({ code: 0 });
  });

  test('goes on after etcd was gone for a while, and accepts what is declared again', async () => {
    await etcd.kill();
    expect((await cloud.kubectl('patch', 'vm', 'vm-1', '--type', 'merge', '-p', '{"metadata":{"labels":{"a":"1"}}}')).code).toBe(1);
    await etcd.start();
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=30s')).toMatchObject({ code: 0 });
    expect(await cloud.kubectl('patch', 'vm', 'vm-1', '--type', 'merge', '-p', '{"spec":{"running":false}}')).toMatchObject({ code: 0 });
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=jsonpath={.status.powerState}=Stopped', '--timeout=60s')).toMatchObject({
      code: 0,
    });
  }, 150_000);

  test('finds everything again after kill -9, once the lease of its predecessor has run out', async () => {
    const calls = await simCalls(cloud);
    await cloud.kill();
    await cloud.start('--store', 'etcd', '--etcd', etcd.endpoint, '--sample', 'none');
    expect(await cloud.kubectl('patch', 'vm', 'vm-1', '--type', 'merge', '-p', '{"spec":{"running":true}}')).toMatchObject({ code: 0 });
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=jsonpath={.status.powerState}=Running', '--timeout=60s')).toMatchObject({
      code: 0,
    });
    const after = await simCalls(cloud);
    expect(after['machine.delete']).toBe(calls['machine.delete']);
    expect(after['machine.start']).toBe((calls['machine.start'] ?? 0) + 1);
  }, 150_000);
});
