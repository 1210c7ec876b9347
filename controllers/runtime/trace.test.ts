import { EventKind, type Event } from '../../apis/core/v1/event/kind.ts';
import { TRACE_ANNOTATION } from '../../client/recorder.ts';
import type { MutationContext } from '../../drivers/contract/fence.ts';
import { eventually } from '../../test/client-bench.ts';
import { openShardBench, toy, type ShardBench } from '../../test/shard-bench.ts';
import { openSimToy, type SimToy } from '../../test/sim-toy.ts';
import { changing, serviceOf } from './device.ts';

let room: ShardBench;
let world: SimToy;
beforeEach(async () => {
  room = await openShardBench();
  world = openSimToy();
});
afterEach(async () => {
  await room.close();
  await world.close();
});

test('one trace goes through the log, the events and the driver calls of a round, and another generation has another', async () => {
  const calls: MutationContext[] = [];
  const { faults } = world.sim;
  const machine = serviceOf(world.sim.driver.machine, 'machines');
  const remove = machine.delete.bind(machine);
  Object.assign(machine, {
    delete: (...[context, uid, signal]: Parameters<typeof remove>) => {
      calls.push(context);
      return remove(context, uid, signal);
    },
  });
  faults.set({ call: 'machine.delete', action: { do: 'error', code: 'ABORTED' } });
  const done = new Set<number>();
  const { metadata } = await room.make('z', { endpoint: 'h1' });
  const { log } = await room.start({
    ...toy({
      plan: ({ metadata: { generation } }) => (done.has(generation) ? {} : { steps: [{ do: 'sweep' }], reason: 'NoHosts' }),
      async take(step, object, round, signal) {
        const session = await world.open(object, round, signal);
        const context = changing(session, round, { metadata: object.metadata, cause: step.do });
        await serviceOf(session.driver.machine, 'machines').delete(context, 'a-machine', signal);
        done.add(object.metadata.generation);
      },
    }),
    endpointOf: (object) => world.endpointOf(object),
  });
  await eventually(async () => (await room.reasonOf('z')) === 'AsDeclared', 'the first generation');
  await room.declare('z');
  await eventually(() => done.has(2), 'the second generation');
  const traces = [`${metadata.uid}.1`, `${metadata.uid}.2`];

  expect(calls.map(({ trace, cause }) => `${trace} ${cause}`)).toEqual(
    [traces[0], traces[0], traces[1]].map((trace) => `${trace ?? ''} sweep`),
  );
  const logged = log.lines.map(({ fields }) => fields as { readonly trace?: string; readonly step?: string; readonly object?: string });
  expect(logged.filter(({ step }) => step === 'sweep').map(({ trace, object }) => [trace, object])).toEqual([
    [traces[0], 'z'],
    [traces[0], 'z'],
    [traces[0], 'z'],
    [traces[1], 'z'],
  ]);
  const events = async (): Promise<readonly string[]> => {
    const { items } = await room.bench.client.list<Event>(EventKind, { fieldSelector: 'involvedObject.name=z' }, room.bench.signal);
    return items.map((event) => `${event.reason} ${event.metadata.annotations?.[TRACE_ANNOTATION] ?? ''}`).sort();
  };
  const expected = [
    `AsDeclared ${traces[0] ?? ''}`,
    `AsDeclared ${traces[1] ?? ''}`,
    `NoHosts ${traces[0] ?? ''}`,
    `NoHosts ${traces[1] ?? ''}`,
    `StepFailed ${traces[0] ?? ''}`,
  ];
  await eventually(async () => (await events()).length >= expected.length, 'the events');
  expect(await events()).toEqual(expected);
});
