/** A bug that somebody might well make: exact text of one file, and what stands in its place. */
export interface Mutant {
  readonly name: string;
  /** What is wrong with it, in one sentence. */
  readonly why: string;
  readonly file: string;
  readonly edits: readonly (readonly [find: string, put: string])[];
}

const RECONCILE = 'controllers/runtime/reconcile.ts';
const LEASE = 'client/lease.ts';
const REFLECTOR = 'client/reflector.ts';
const DEVICE = 'controllers/runtime/device.ts';
const SHARD = 'controllers/runtime/shard.ts';
const QUEUE = 'controllers/runtime/queue.ts';
const FENCE = 'drivers/contract/fence-check.ts';
const VM = 'controllers/virtual-machine/plan';
const CLAIM = 'controllers/volume/plan-claim.ts';

/** What the simulation must find; one bug each. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acts-before-it-publishes',
    why: 'The status that records a decision is written after the steps that follow from it.',
    file: RECONCILE,
    edits: [
      ['if (plan.steps.length > 0 || !same(status, object.status)) {', 'if (plan.steps.length === 0 && !same(status, object.status)) {'],
    ],
  },
  {
    name: 'no-finalizer',
    why: 'Steps are taken on objects that do not carry the finalizer.',
    file: RECONCILE,
    edits: [
      [
        "if (plan.finalizer === 'hold' && !held && current.metadata.deletionTimestamp === undefined) {",
        "if (held && current.metadata.deletionTimestamp === undefined && plan.finalizer === 'none') {",
      ],
      ["if (plan.finalizer === 'hold' && !(published.metadata.finalizers ?? []).includes(controller.finalizer)) return settled(plan);", ''],
    ],
  },
  {
    name: 'releases-first',
    why: 'The finalizer goes before the last step is taken.',
    file: RECONCILE,
    edits: [
      [
        '  for (const step of plan.steps) {\n',
        "  if (plan.finalizer === 'release') return release(controller, published, options, signal);\n  for (const step of plan.steps) {\n",
      ],
    ],
  },
  {
    name: 'writes-what-is-equal',
    why: 'A status that did not change is never taken for equal, so that time alone changes it.',
    file: RECONCILE,
    edits: [
      [
        'const status = { ...plan.status, conditions: stampConditions(plan.status.conditions, before, now) };',
        'const status = { ...plan.status, conditions: stampConditions(plan.status.conditions, [], now) };',
      ],
    ],
  },
  {
    name: 'forgets-steps-that-failed',
    why: 'A step that fails ends the round as if all had been done.',
    file: RECONCILE,
    edits: [["return { end: 'failed', why: `${step.do}: ${error.message}`, ...after };", "return { end: 'settled', ...after };"]],
  },
  {
    name: 'remembers-failures-as-refusals',
    why: 'What a driver could not do once is taken for what it never can.',
    file: RECONCILE,
    edits: [
      [
        "remember(recovery === 'stop' ? options.refusals : options.failures, round.trace, failure);",
        'remember(options.refusals, round.trace, failure);',
      ],
    ],
  },
  {
    name: 'unreachable-is-absent',
    why: 'A device that does not answer is taken for one that has nothing.',
    file: DEVICE,
    edits: [
      [
        '    const { code, reason, message, metadata } = error;\n    const { field } = metadata;\n    return { known: false, because: message, code, reason, ...(field !== undefined && { field }) };',
        '    return { known: true, value: {} as T };',
      ],
    ],
  },
  {
    name: 'two-lease-times',
    why: 'A leader goes on for twice the lease time without a renewal.',
    file: LEASE,
    edits: [['const MARGIN = 0.2;', 'const MARGIN = -1;']],
  },
  {
    name: 'lease-counts-from-the-answer',
    why: 'A lease is counted from when its renewal was answered, not from when it was sent.',
    file: LEASE,
    edits: [['        held.sentMs = sentMs;', '        held.sentMs = clock.monotonic();']],
  },
  {
    name: 'epoch-stays',
    why: 'A new leader takes the epoch of the one before.',
    file: LEASE,
    edits: [['Math.max(memory.epoch + 1, start)', 'Math.max(memory.epoch, start)']],
  },
  {
    name: 'takes-a-lease-that-is-held',
    why: 'A lease is taken although its holder may live.',
    file: LEASE,
    edits: [['sentMs >= runsOutMs;', 'sentMs >= seen.atMs;']],
  },
  {
    name: 'leads-for-ever',
    why: 'Nobody looks whether the lease has run out.',
    file: LEASE,
    edits: [
      ["if (options.clock.monotonic() >= deadlineOf(options, held)) lose('it could not be renewed in time');", ''],
      ["    if (left <= 0) {\n      lose('it could not be renewed in time');\n      return;\n    }", '    if (left <= 0) return;'],
    ],
  },
  {
    name: 'lease-is-never-renewed',
    why: 'The lease is taken, and never renewed.',
    file: LEASE,
    edits: [['let pauseMs = durationMs / 3;', 'let pauseMs = durationMs * 3;']],
  },
  {
    name: 'old-leaders-pass',
    why: 'A driver lets an older epoch pass.',
    file: FENCE,
    edits: [["  if (fence.incarnation === seen.incarnation && fence.epoch < seen.epoch) throw stale('epoch', fence, seen);\n", '']],
  },
  {
    name: 'the-dead-come-back',
    why: 'A late create brings back what was deleted.',
    file: FENCE,
    edits: [['  if (tombstone === undefined) return;\n', '  if (tombstone === undefined || thing !== undefined) return;\n']],
  },
  {
    name: 'relist-keeps-the-dead',
    why: 'What is missing from a new list stays in the view.',
    file: REFLECTOR,
    edits: [['if (!present.has(key)) this.put(key, undefined);', 'if (present.size < 0) this.put(key, undefined);']],
  },
  {
    name: 'expired-watch-is-not-listed',
    why: 'A watch whose past is forgotten asks for the same past again.',
    file: REFLECTOR,
    edits: [['if (error instanceof ApiError && error.code === 410) from = undefined;', '']],
  },
  {
    name: 'watch-ends-for-good',
    why: 'A watch that fails is not opened again.',
    file: REFLECTOR,
    edits: [['      failures += 1;\n    }', '      return;\n    }']],
  },
  {
    name: 'changes-are-not-told',
    why: 'A changed object is put into the view, and nobody is told.',
    file: REFLECTOR,
    edits: [['this.tell(old === undefined ? { object } : { old, object });', 'if (old === undefined) this.tell({ object });']],
  },
  {
    name: 'news-while-working-is-lost',
    why: 'What is said of an object while it is worked on is forgotten.',
    file: QUEUE,
    edits: [
      [
        "else if (entry.state === 'working') entry.again = Math.min(entry.again ?? priority, priority) as Priority;",
        "else if (entry.state === 'working') entry.again = undefined;",
      ],
    ],
  },
  {
    name: 'two-workers-on-one-object',
    why: 'An object that is worked on is worked on by another at the same time.',
    file: QUEUE,
    edits: [
      [
        "else if (entry.state === 'working') entry.again = Math.min(entry.again ?? priority, priority) as Priority;",
        "else if (entry.state === 'working') push(state, entry, priority);",
      ],
    ],
  },
  {
    name: 'no-backoff',
    why: 'What fails is tried again at once.',
    file: 'controllers/runtime/backoff.ts',
    edits: [['return full * (0.5 + random() / 2);', 'return full * random() * 0;']],
  },
  {
    name: 'no-resync',
    why: 'What waits for a device is not looked at again by itself, and hints are not heard.',
    file: SHARD,
    edits: [
      ['const ms = end.lookAgainMs ?? RESYNC_MS * (0.75 + random() / 2);', 'const ms = RESYNC_MS * (100 + random());'],
      ['    if (key !== undefined) queue.add(key, PRIORITY.change);\n', ''],
    ],
  },
  {
    name: 'decides-on-the-view',
    why: 'A round decides on the cached object, and the store does not compare its version.',
    file: RECONCILE,
    edits: [['if (plan.steps.length > 0 || !same(status, object.status)) {', 'if (!same(status, object.status)) {']],
  },
  {
    name: 'claim-falls-with-the-wish',
    why: 'A claim ends when its VM no longer wants the volume, though the machine still has it.',
    file: CLAIM,
    edits: [["return facts.claimHolds || facts.holder?.state !== 'free' ? claim : null;", 'return facts.claimHolds ? claim : null;']],
  },
  {
    name: 'claim-never-falls',
    why: 'A claim stays when the disk was seen to be detached.',
    file: CLAIM,
    edits: [["return facts.claimHolds || facts.holder?.state !== 'free' ? claim : null;", 'return claim;']],
  },
  {
    name: 'deletes-a-disk-in-use',
    why: 'A volume is deleted though a machine has its disk.',
    file: 'controllers/volume/plan-deletion.ts',
    edits: [["if (blocked !== undefined) return { status: 'False', reason: 'InUse', message: blocked, also: 'moving' };", '']],
  },
  {
    name: 'deletes-without-a-tombstone',
    why: 'A disk that is not there is not deleted, so that a create under way makes it afterwards.',
    file: 'controllers/volume/plan-deletion.ts',
    edits: [["return { ...gone, steps: [{ do: 'delete' }] };", 'return gone;']],
  },
  {
    name: 'machine-without-a-tombstone',
    why: 'A machine that is not there is not deleted, so that an Ensure under way makes it afterwards.',
    file: `${VM}/deletion.ts`,
    edits: [
      ["if (machine === undefined) return { ...gone, steps: [{ do: 'delete-machine' }] };", 'if (machine === undefined) return gone;'],
    ],
  },
  {
    name: 'lets-go-of-a-running-machine',
    why: 'A VM is let go as soon as its guest was told to stop.',
    file: `${VM}/deletion.ts`,
    edits: [['if (machine.stoppingSinceMs !== undefined) return stopping;', 'if (machine.stoppingSinceMs !== undefined) return gone;']],
  },
  {
    name: 'restarts-for-any-change',
    why: 'A change of the spec stops a running VM.',
    file: `${VM}/running.ts`,
    edits: [
      [
        'const restarts = spec.running && (status.restartToken ?? spec.restartToken) !== spec.restartToken;',
        'const restarts = spec.running && (vm.metadata.generation > machine.generation || (status.restartToken ?? spec.restartToken) !== spec.restartToken);',
      ],
    ],
  },
  {
    name: 'token-is-noted-too-early',
    why: 'A restart is noted as done when the guest is asked to stop.',
    file: `${VM}/running.ts`,
    edits: [
      [
        "return { ...stopping, steps: [{ do: 'stop-machine', deadlineMs: spec.stopTimeoutSeconds * 1000 }] };",
        'return { ...stopping, restartToken: spec.restartToken, steps: [] };',
      ],
    ],
  },
  {
    name: 'never-plugs-disks',
    why: 'A disk that was declared later is never attached to a running machine.',
    file: `${VM}/running.ts`,
    edits: [["...missing.map((disk): VmStep => ({ do: 'attach-disk', hostId, disk })),", '']],
  },
  {
    name: 'unpublishes-a-used-disk',
    why: 'A disk is taken away from the host that its claim names.',
    file: CLAIM,
    edits: [['return disk.publishedTo.filter((hostId) => hostId !== keep)', 'return disk.publishedTo']],
  },
  {
    name: 'disk-of-another-name',
    why: 'Each try to make a disk names it anew.',
    file: 'controllers/volume/controller.ts',
    edits: [
      [
        'const owner = ownerOf(round.authority, volume);',
        "const owner = { ...ownerOf(round.authority, volume), ...(step.do === 'create' && { uid: `${uid.slice(0, -4)}${String(round.authority.epoch).slice(-4)}` }) };",
      ],
    ],
  },
];
