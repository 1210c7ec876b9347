import { planVirtualMachine } from '../plan.ts';
import type { Relapses } from './facts.ts';
import { facts, known, machine, started, stopped, vm } from './test-rows.ts';

const after = (inRow: number, more: Partial<Relapses> = {}): { readonly relapses: Relapses } => {
  return { relapses: { inRow, cause: 'crashed', waitMs: 0, wellInMs: 0, ...more } };
};

function plan(...given: Parameters<typeof facts>) {
  const { status, steps, lookAgainMs, waitsFor } = planVirtualMachine(vm({ status: started }), facts(...given));
  const conditions = status.conditions.filter(({ type }) => ['Ready', 'Reconciling'].includes(type));
  return { conditions, ready: conditions[0], steps: steps.map((step) => step.do), lookAgainMs, waitsFor };
}

describe('a guest that ends again and again', () => {
  test('is started again at once the first time', () => {
    expect(plan({ ...stopped('crashed'), ...after(1) })).toMatchObject({
      ready: { reason: 'GuestRestarts' },
      steps: ['ensure-machine', 'start-machine'],
    });
  });

  test('waits the second time, and takes no step meanwhile', () => {
    const waiting = plan({ ...stopped('crashed'), ...after(2, { waitMs: 700 }) });
    expect(waiting).toMatchObject({ ready: { reason: 'GuestRestarts' }, steps: [], lookAgainMs: 700 });
    expect(waiting.waitsFor).toBeDefined();
  });

  test('waits for its turn where many have crashed at once', () => {
    const queued = plan({ ...stopped('crashed'), ...after(1), startInMs: 1200 });
    expect(queued).toMatchObject({ ready: { status: 'False', reason: 'StartQueued' }, steps: [], lookAgainMs: 1200 });
    expect(plan({ ...stopped('crashed'), ...after(1), startInMs: 0 }).steps).toContain('start-machine');
  });

  test('is said to from the third time on, in the same words whether it waits, starts or runs', () => {
    const waiting = plan({ ...stopped('crashed'), ...after(3, { waitMs: 2000 }) });
    const starting = plan({ ...stopped('crashed'), ...after(3) });
    const running = plan({ ...known(machine()), ...after(3, { wellInMs: 599_000 }) });
    expect(waiting.ready).toMatchObject({ status: 'False', reason: 'CrashLoop' });
    expect([starting.conditions, running.conditions]).toEqual([waiting.conditions, waiting.conditions]);
    expect([waiting.steps, starting.steps, running.steps]).toEqual([[], ['ensure-machine', 'start-machine'], []]);
    expect([waiting.lookAgainMs, running.lookAgainMs]).toEqual([2000, 599_000]);
    expect(plan({ ...stopped('guest-shutdown'), ...after(9, { cause: 'guest-shutdown' }) }).ready?.message).toMatch(
      /^the guest shut itself down again/,
    );
  });

  test('is ready when it has run well', () => {
    expect(plan(known(machine()))).toMatchObject({ ready: { status: 'True', reason: 'Running' } });
  });

  test('is stopped, removed or kept off as declared, whatever it waits for', () => {
    const given = facts({ ...stopped('crashed'), ...after(9, { waitMs: 300_000 }) });
    const off = planVirtualMachine(vm({ spec: { running: false }, status: started }), given);
    expect(off.status.conditions[0]).toMatchObject({ status: 'True', reason: 'Stopped' });
    const gone = planVirtualMachine(vm({ deleting: true, status: started }), given);
    expect(gone.steps.map((step) => step.do)).toEqual(['delete-machine']);
    const stays = planVirtualMachine(
      vm({ spec: { restartPolicy: 'OnFailure' }, status: started }),
      facts({ ...stopped('guest-shutdown'), ...after(9) }),
    );
    expect(stays.status.conditions[0]).toMatchObject({ status: 'True', reason: 'GuestShutdown' });
  });
});
