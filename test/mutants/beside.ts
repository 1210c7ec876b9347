import type { Mutant } from './mutant.ts';

const VOLUME = 'controllers/volume';
const VM = 'controllers/virtual-machine/plan';
const RUNTIME = 'controllers/runtime';

/** Bugs that tests beside the code find; what they do is seen in few runs of a whole cloud, or in none, because something else makes good for it. */
export const BESIDE_MUTANTS: readonly Mutant[] = [
  {
    name: 'claim-falls-with-the-wish',
    why: 'A claim ends when its VM no longer wants the volume, though the machine still has it.',
    file: `${VOLUME}/plan-claim.ts`,
    edits: [["facts.claimHolds || facts.holder?.state !== 'free' ? claim : null;", 'facts.claimHolds ? claim : null;']],
    prey: ['detach-disk', 'hand-over'],
    suites: [`${VOLUME}/plan-claim`],
  },
  {
    name: 'deletes-a-disk-in-use',
    why: 'A volume is deleted though a machine has its disk.',
    file: `${VOLUME}/plan-deletion.ts`,
    edits: [['  if (blocked !== undefined) {\n', '  if (blocked !== undefined && spec.abandon !== undefined) {\n']],
    prey: ['drop-disk', 'hand-over'],
    suites: [`${VOLUME}/plan`],
  },
  {
    name: 'deletes-without-a-tombstone',
    why: 'A disk that is not there is not deleted, so that a create under way makes it afterwards.',
    file: `${VOLUME}/plan-deletion.ts`,
    edits: [["return { ...gone, steps: [{ do: 'delete' }] };", 'return gone;']],
    prey: ['create-delete-race'],
    suites: [`${VOLUME}/plan`],
  },
  {
    name: 'machine-without-a-tombstone',
    why: 'A machine that is not there is not deleted, so that an Ensure under way makes it afterwards.',
    file: `${VM}/deletion.ts`,
    edits: [
      ["if (machine === undefined) return { ...gone, steps: [{ do: 'delete-machine' }] };", 'if (machine === undefined) return gone;'],
    ],
    prey: ['create-delete-race'],
    suites: [`${VM}/deletion`],
  },
  {
    name: 'decides-on-the-view',
    why: 'A decision from which steps follow is not compared with the store where it changes nothing in the status.',
    file: `${RUNTIME}/reconcile.ts`,
    edits: [['if (plan.steps.length > 0 || !same(status, object.status)) {', 'if (!same(status, object.status)) {']],
    prey: ['two-processes', 'two-servers'],
    suites: [`${RUNTIME}/shard-look`],
  },
  {
    name: 'forgets-steps-that-failed',
    why: 'A step that fails ends the round as if all had been done.',
    file: `${RUNTIME}/reconcile.ts`,
    edits: [["return { end: 'failed', why: said, ...after };", "return { end: 'settled' };"]],
    prey: ['create-vm', 'driver-restart'],
    suites: [`${RUNTIME}/shard`],
  },
  {
    name: 'no-backoff',
    why: 'What fails is tried again at once.',
    file: `${RUNTIME}/backoff.ts`,
    edits: [['return full * (0.5 + random() / 2);', 'return full * random() * 0;']],
    prey: ['host-silence'],
    suites: [`${RUNTIME}/shard-devices`],
  },
  {
    name: 'no-resync',
    why: 'What is settled, or waits for a time, is not looked at again by itself.',
    file: `${RUNTIME}/verdict.ts`,
    edits: [['const ms = end.lookAgainMs ?? ', 'const ms = 3e7 + 0 * (end.lookAgainMs ?? 0) + 0 * ']],
    prey: ['host-silence', 'lease-expires'],
  },
  {
    name: 'expired-watch-is-not-listed',
    why: 'A watch whose past is forgotten asks for the same past again.',
    file: 'client/reflector.ts',
    edits: [['if (error instanceof ApiError && error.code === 410) from = undefined;', '']],
    prey: ['create-vm'],
    suites: ['client/reflector'],
  },
  {
    name: 'lease-counts-from-the-answer',
    why: 'A lease is counted from when its renewal was answered, not from when it was sent.',
    file: 'client/lease.ts',
    edits: [['        held.sentMs = sentMs;', '        held.sentMs = clock.monotonic();']],
    prey: ['leader-change', 'two-servers'],
    suites: ['client/lease.test', 'client/lease-watch'],
  },
];
