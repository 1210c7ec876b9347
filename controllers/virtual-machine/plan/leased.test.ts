import { leasedAfter } from './leased.ts';
import { facts, known, machine, vm } from './test-rows.ts';

const RUNS = known(machine({ leased: true }));
const UNKNOWN = { machine: { known: false, because: 'silence', code: 'UNAVAILABLE', reason: 'BACKEND' } } as const;
const SAID = { status: { leased: true } } as const;

test.each([
  { why: 'what was seen to be', have: vm(), of: RUNS, leased: true },
  { why: 'what is not under a lease', have: vm(SAID), of: known(machine()), leased: undefined },
  {
    why: 'what is to wait for its host: it may be described so in the next moment',
    have: vm({ spec: { onHostFailure: 'Wait' }, ...SAID }),
    of: RUNS,
    leased: undefined,
  },
  { why: 'what was seen to be, while nobody can tell', have: vm(SAID), of: UNKNOWN, leased: true },
  { why: 'what was not seen to be, while nobody can tell', have: vm(), of: UNKNOWN, leased: undefined },
  {
    why: 'what shall wait from now on, while nobody can tell',
    have: vm({ spec: { onHostFailure: 'Fail' }, ...SAID }),
    of: UNKNOWN,
    leased: undefined,
  },
  { why: 'a machine that is not there', have: vm(SAID), of: known(undefined), leased: undefined },
  { why: 'a machine at a place that is given up', have: vm(SAID), of: RUNS, moves: true, leased: undefined },
])('leased ($leased) is $why', ({ have, of, moves = false, leased }) => {
  expect(leasedAfter(have, facts(of), moves).leased).toBe(leased);
});
