import type { Mutant } from './mutant.ts';

const LEASE = 'client/lease.ts';
const REFLECTOR = 'client/reflector.ts';
const FENCE = 'drivers/contract/fence-check.ts';

/** Bugs of leases, views and fences. */
export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'two-lease-times',
    why: 'A leader goes on for twice the lease time without a renewal.',
    file: LEASE,
    edits: [['const MARGIN = 0.2;', 'const MARGIN = -1;']],
    prey: ['two-processes', 'two-servers'],
  },
  {
    name: 'epoch-stays',
    why: 'A new leader takes the epoch of the one before.',
    file: LEASE,
    edits: [['Math.max(memory.epoch + 1, start)', 'Math.max(memory.epoch, start)']],
    prey: ['leader-change'],
  },
  {
    name: 'takes-a-lease-that-is-held',
    why: 'A lease is taken although its holder may live.',
    file: LEASE,
    edits: [['return seen.atMs + Math.max(durationMs, leaseDurationSeconds * 1000);', 'return seen.atMs;']],
    prey: ['two-processes'],
  },
  {
    name: 'leads-for-ever',
    why: 'Nobody looks whether the lease has run out.',
    file: LEASE,
    edits: [
      ["if (options.clock.monotonic() >= deadlineOf(options, held)) lose('it could not be renewed in time');", ''],
      ["    if (left <= 0) {\n      lose('it could not be renewed in time');\n      return;\n    }", '    if (left <= 0) return;'],
    ],
    prey: ['two-processes', 'two-servers'],
  },
  {
    name: 'lease-is-never-renewed',
    why: 'The lease is taken, and never renewed.',
    file: LEASE,
    edits: [['let pauseMs = durationMs / 3;', 'let pauseMs = durationMs * 3;']],
    prey: ['two-processes'],
  },
  {
    name: 'old-leaders-pass',
    why: 'A driver lets an older epoch pass.',
    file: FENCE,
    edits: [["  if (fence.incarnation === seen.incarnation && fence.epoch < seen.epoch) throw stale('epoch', fence, seen);\n", '']],
    prey: ['restart-vm', 'resize-vm'],
  },
  {
    name: 'old-decisions-pass',
    why: 'A driver lets a decision about an older generation of the object pass.',
    file: FENCE,
    edits: [["    if (fence.generation < seen.generation) throw stale('generation', fence, { ...seen });\n", '']],
    prey: ['restart-vm', 'resize-vm', 'stop-vm', 'move-stopped', 'attach-disk'],
    suites: ['drivers/contract/fence-check'],
  },
  {
    name: 'the-dead-come-back',
    why: 'A late create brings back what was deleted.',
    file: FENCE,
    edits: [['  if (tombstone === undefined) return;\n', '  if (tombstone === undefined || thing !== undefined) return;\n']],
    prey: ['create-delete-race', 'delete-vm'],
  },
  {
    name: 'relist-keeps-the-dead',
    why: 'What is missing from a new list stays in the view.',
    file: REFLECTOR,
    edits: [['if (!present.has(key)) this.put(key, undefined);', 'if (present.size < 0) this.put(key, undefined);']],
    prey: ['delete-vm', 'two-servers'],
  },
  {
    name: 'watch-ends-for-good',
    why: 'A watch that fails is not opened again.',
    file: REFLECTOR,
    edits: [["      log.debug({ err: error, kind: kind.kind }, 'the watch ended');\n      failures += 1;\n", '      return;\n']],
    prey: ['start-vm', 'create-vm'],
  },
  {
    name: 'changes-are-not-told',
    why: 'A changed object is put into the view, and nobody is told.',
    file: REFLECTOR,
    edits: [['this.tell(old === undefined ? { object } : { old, object });', 'if (old === undefined) this.tell({ object });']],
    prey: ['stop-vm'],
  },
];
