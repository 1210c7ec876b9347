import { setTimeout as delay } from 'node:timers/promises';
import { startCloud, type Cloud } from './cloud.ts';
import { requires } from './prerequisites.ts';
import { simThings } from './sim.ts';

const PAIRS = 200;
const LANES = 4;

/** Pauses of 0 to 300 ms that are the same in every run. */
function* pauses(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state % 301;
  }
}

function vm(name: string): string {
  return JSON.stringify({
    apiVersion: 'compute.lenticular.dev/v1alpha1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: { cpus: 1, memory: '64Mi', stopTimeoutSeconds: 1 },
  });
}

requires('kubectl')('Churn', () => {
  let cloud: Cloud;

  beforeAll(async () => {
    cloud = await startCloud('--sample', 'quickstart');
    expect(await cloud.kubectl('wait', 'vm/vm-1', '--for=condition=Ready', '--timeout=60s')).toMatchObject({ code: 0 });
    expect(await cloud.kubectl('delete', 'vm/vm-1', 'volume/data-1', '--timeout=60s')).toMatchObject({ code: 0 });
  }, 180_000);

  afterAll(async () => {
    await cloud.remove();
  });

  test(`${String(PAIRS)} VMs created and deleted with random pauses leave nothing on any host`, async () => {
    const lane = async (index: number): Promise<void> => {
      const pause = pauses(index + 1);
      for (let pair = index; pair < PAIRS; pair += LANES) {
        expect(await cloud.kubectlWith(vm(`churn-${String(index)}`), 'create', '-f', '-')).toMatchObject({ code: 0, stderr: '' });
        await delay(Number(pause.next().value));
        expect(await cloud.kubectl('delete', `vm/churn-${String(index)}`, '--timeout=60s')).toMatchObject({ code: 0, stderr: '' });
        await delay(Number(pause.next().value));
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    expect((await cloud.kubectl('get', 'vms', '-A', '-o', 'name')).stdout).toBe('');
    expect(await simThings(cloud)).toEqual([]);
  }, 300_000);
});
