import { nextEvents, openBench, vm, VMS, zone, ZONES, type Bench } from '../../test/api-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await bench.close();
});

describe('a life over the API', () => {
  test('an object is created with defaults, a status from its schema and what only the server says', async () => {
    const made = await bench.create(VMS, vm('web'));
    expect(made).toMatchObject({
      apiVersion: 'compute.lenticular.dev/v1alpha1',
      kind: 'VirtualMachine',
      metadata: { name: 'web', namespace: 'default', generation: 1 },
      spec: { running: true, placement: { strategy: 'Spread', antiAffinity: [] } },
      status: { conditions: [{ type: 'Ready', status: 'Unknown', reason: 'Pending' }] },
    });
    const read = await bench.ask('GET', `${VMS}/web`);
    expect(read.body).toEqual(made);
  });

  test('a change of spec raises the generation, a change of labels does not, and no change changes nothing', async () => {
    const made = await bench.create(VMS, vm('gen'));
    const labelled = await bench.ask('PATCH', `${VMS}/gen`, { body: { metadata: { labels: { a: 'b' } } } });
    expect(labelled.body.metadata).toMatchObject({ generation: 1, labels: { a: 'b' } });
    const grown = await bench.ask('PATCH', `${VMS}/gen`, { body: { spec: { cpus: 2 } } });
    expect(grown.body.metadata.generation).toBe(2);
    const again = await bench.ask('PATCH', `${VMS}/gen`, { body: { spec: { cpus: 2 } } });
    expect(again.body.metadata.resourceVersion).toBe(grown.body.metadata.resourceVersion);
    const stale = await bench.ask('PUT', `${VMS}/gen`, { body: made });
    expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
  });

  test('a watch from the version of a list sees what comes after it', async () => {
    const list = await bench.ask('GET', ZONES);
    const events = await bench.watch(ZONES, { resourceVersion: list.body.metadata.resourceVersion });
    await bench.create(ZONES, zone('z1'));
    await bench.ask('PATCH', `${ZONES}/z1`, { body: { spec: { allocation: 'Cordoned' } } });
    await bench.ask('DELETE', `${ZONES}/z1`);
    const seen = await nextEvents(events, 3);
    expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect((await bench.ask('GET', `${ZONES}/z1`)).status).toBe(404);
  });
});
