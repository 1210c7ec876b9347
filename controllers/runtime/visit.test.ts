import { REAL_CLOCK } from '../../test/api-bench.ts';
import { createAlarms } from './alarms.ts';
import { createDriverGate } from './driver-gate.ts';
import { createGate } from './gate.ts';
import { PRIORITY } from './queue.ts';
import { createSwitchboard } from './switchboard.ts';
import { createVisit } from './visit.ts';

test('a round that waited makes no call any more once its process may no longer lead', async () => {
  let leads = true;
  const check = (): void => {
    if (!leads) throw new Error('the lease ran out');
  };
  const drivers = createDriverGate(createGate(), createAlarms(REAL_CLOCK), REAL_CLOCK);
  const board = createSwitchboard(new Map(), { clock: REAL_CLOCK, random: () => 0.5, wake: () => undefined, check, drivers });
  const visit = createVisit(board, {
    who: 'VirtualMachine a/b',
    priority: PRIORITY.change,
    stepAside: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    leave: () => undefined,
  });
  const service = { uid: 'h1', label: 'Host h1', limits: { inFlight: 1, perOperation: 1 }, category: 'machine' };
  const made: string[] = [];
  const begun = Promise.withResolvers<string>();
  const answer = Promise.withResolvers<string>();
  const call = (operation: string): Promise<string> => {
    const make = (): Promise<string> => {
      made.push(operation);
      begun.resolve(operation);
      return answer.promise;
    };
    return visit.call({ service, operation, make }, new AbortController().signal);
  };
  const first = call('disk.publish');
  const second = expect(call('machine.ensure')).rejects.toThrow('the lease ran out');
  await begun.promise;
  leads = false;
  answer.resolve('published');
  await first;
  await second;
  expect(made).toEqual(['disk.publish']);
  expect(board.gate.insideOf('machine/h1')).toBe(0);
});
