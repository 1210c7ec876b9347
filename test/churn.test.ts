import { setTimeout as delay } from 'node:timers/promises';
import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { createClient } from '../client/api-client.ts';
import type { Client } from '../client/client.ts';
import { connectBy } from '../client/kubeconfig.ts';
import { systemClock } from '../cmd/clock.ts';
import { eventually, startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { simThings } from './sim.ts';

const PAIRS = 200;
const LANES = 8;

/** Pauses of 0 to 300 ms that are the same in every run. */
function* pauses(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state % 301;
  }
}

requires('kubectl')('Churn', () => {
  const ending = new AbortController();
  let cloud: Cloud;
  let client: Client;

  beforeAll(async () => {
    cloud = await startCloud('--sample', 'quickstart');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
    expect(await cloud.kubectl('delete', 'vm/vm-1', 'volume/data-1', '--timeout=60s')).toMatchObject({ code: 0 });
    const { transport } = await connectBy({ file: cloud.kubeconfig }, systemClock(), ending.signal);
    client = createClient({ transport, caller: { name: '', groups: [] }, userAgent: 'churn' });
  }, 180_000);

  afterAll(async () => {
    ending.abort(new Error('the test is over'));
    await cloud.remove();
  });

  async function pair(name: string, pause: Generator<number, never>): Promise<void> {
    const key = { namespace: 'default', name };
    const spec = { cpus: 1, memory: '64Mi', stopTimeoutSeconds: 1 };
    const body = { apiVersion: 'compute.lenticular.dev/v1alpha1', kind: 'VirtualMachine', metadata: key, spec };
    const { metadata } = await client.create<ApiObject>(VirtualMachineKind, body, ending.signal);
    await delay(pause.next().value);
    await client.delete(VirtualMachineKind, { ...key, uid: metadata.uid }, ending.signal);
    await delay(pause.next().value);
    await eventually(
      `${name} is gone`,
      60_000,
      async () => (await client.get(VirtualMachineKind, key, ending.signal)) === undefined || undefined,
    );
  }

  test(`${String(PAIRS)} VMs created and deleted with random pauses leave nothing on any host`, async () => {
    const lane = async (index: number): Promise<void> => {
      const pause = pauses(index + 1);
      for (let each = index; each < PAIRS; each += LANES) await pair(`churn-${String(index)}`, pause);
    };
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    expect((await cloud.kubectl('get', 'vms', '-A', '-o', 'name')).stdout).toBe('');
    expect(await simThings(cloud)).toEqual([]);
  }, 300_000);
});
