import fc from 'fast-check';
import type { MachineSpec } from '../contract/machine.ts';
import { diskDeviceId } from './command-line.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { MachineRecord } from './machine-record.ts';
import { nextStop } from './machine-stop.ts';
import { describeMachine } from './machine-view.ts';
import type { QmpConnection } from './qmp.ts';

const NOW_MS = 1_000_000;
const connection = { path: '/p' };
const disk = (uid: string) => ({ name: uid, uid, readOnly: false, connection: { protocol: 'file-qcow2', attributes: connection } });
const SPEC: MachineSpec = {
  owner: { installation: 'i', kind: 'VirtualMachine', namespace: 'd', name: 'vm', uid: 'vm-1' },
  cpus: 1,
  memoryBytes: 2 ** 27,
  disks: [disk('a')],
  interfaces: [],
};
const RECORD: MachineRecord = { schema: 1, spec: SPEC, released: false, fence: { incarnation: 1, generation: 2, placementEpoch: 3 } };
const RUN: MachineRecord = { ...RECORD, run: { spec: SPEC, accelerator: 'tcg', startedAtMs: 1, confirmed: true, detaching: [] } };
const STOP = { mode: 'graceful', sinceMs: 5, deadlineAtMs: 6 } as const;
const process = { pid: 2, startTicks: '1' };

function answers(status: string, plugged: readonly string[] = ['a']): EngineFacts {
  const disks = plugged.map((uid) => ({ deviceId: diskDeviceId(uid), sizeBytes: 512, readOnly: false }));
  return { kind: 'answers', process, connection: Object.create(null) as QmpConnection, status, plugged: disks };
}

function view(record: MachineRecord, facts: EngineFacts) {
  return describeMachine(record, { facts, sizes: new Map([['a', 1024]]), nowMs: NOW_MS });
}

test.each([
  ['never started', RECORD, { kind: 'absent' }, 'stopped', 'never-started'],
  ['the process is gone in its run', RUN, { kind: 'absent' }, 'stopped', 'crashed'],
  ['the process is gone after a stop was asked for', { ...RUN, stop: STOP }, { kind: 'absent' }, 'stopped', 'requested'],
  ['the guest shut itself down', RUN, answers('shutdown'), 'stopped', 'guest-shutdown'],
  ['the guest shut down because it was asked to', { ...RUN, stop: STOP }, answers('shutdown'), 'stopped', 'requested'],
  ['the guest panicked', RUN, answers('guest-panicked'), 'stopped', 'crashed'],
  ['the engine is silent', RUN, { kind: 'silent', process }, 'unknown', undefined],
  ['the disk is full', RUN, answers('io-error'), 'paused', undefined],
] as const)('power and cause where %s', (_title, record, facts, power, cause) => {
  expect(view(record, facts)).toMatchObject({ power });
  expect(view(record, facts).stopCause).toBe(cause);
});

test('a start that has just begun and shows no process yet is unknown, never stopped', () => {
  const starting = {
    ...RUN,
    run: { ...RUN.run, spec: SPEC, accelerator: 'tcg', detaching: [], confirmed: false, startedAtMs: NOW_MS - 100 },
  } as const;
  expect(view(starting, { kind: 'absent' }).power).toBe('unknown');
  expect(view({ ...starting, run: { ...starting.run, startedAtMs: NOW_MS - 60_000 } }, { kind: 'absent' }).stopCause).toBe('crashed');
});

test('a silent engine is unknown, whatever its record says', () => {
  const records = fc.constantFrom<MachineRecord>(RECORD, RUN, { ...RUN, stop: STOP }, { ...RECORD, lastStopCause: 'crashed' });
  fc.assert(fc.property(records, (record) => expect(view(record, { kind: 'silent', process }).power).toBe('unknown')));
});

test('changes of the description wait for the next start, and a disk that nobody of ours unplugged is drift', () => {
  const wanted = { ...RUN, spec: { ...SPEC, cpus: 2, disks: [disk('a'), disk('b')] } };
  expect(view(wanted, answers('running'))).toMatchObject({ cpus: 1, pendingChanges: ['cpus', 'disks'], drift: [] });
  expect(view(RUN, answers('running', []))).toMatchObject({ disks: [], drift: ['disks'] });
  expect(view(wanted, { kind: 'absent' })).toMatchObject({ cpus: 2, pendingChanges: [] });
});

test('the first graceful stop sets the deadline, only a hard one shortens it, and none moves when it began', () => {
  const how = fc.oneof(
    fc.record({ mode: fc.constant('graceful' as const), deadlineMs: fc.nat(100_000) }),
    fc.constant({ mode: 'hard' as const }),
  );
  fc.assert(
    fc.property(fc.array(how, { minLength: 1, maxLength: 8 }), (calls) => {
      let stop: MachineRecord['stop'];
      for (const [index, call] of calls.entries()) {
        const before = stop;
        stop = nextStop(stop, call, index * 10);
        expect(stop.sinceMs).toBe(0);
        expect(stop.deadlineAtMs).toBeLessThanOrEqual(before?.deadlineAtMs ?? Infinity);
        if (call.mode === 'graceful' && before !== undefined) expect(stop).toEqual(before);
        if (call.mode === 'hard') expect(stop.deadlineAtMs).toBeLessThanOrEqual(index * 10);
      }
    }),
  );
});
