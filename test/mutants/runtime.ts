import type { Mutant } from './mutant.ts';

const RECONCILE = 'controllers/runtime/reconcile.ts';
const QUEUE = 'controllers/runtime/queue.ts';
const SHARD = 'controllers/runtime/shard.ts';

/** Bugs of what knows no kind: rounds, queues, shards. */
export const RUNTIME_MUTANTS: readonly Mutant[] = [
  {
    name: 'acts-before-it-publishes',
    why: 'The status that records a decision is not written where steps follow from it.',
    file: RECONCILE,
    edits: [
      ['if (plan.steps.length > 0 || !same(status, object.status)) {', 'if (plan.steps.length === 0 && !same(status, object.status)) {'],
    ],
    prey: ['restart-vm'],
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
    prey: ['delete-vm', 'create-delete-race'],
  },
  {
    name: 'begins-on-what-leaves',
    why: 'Steps are taken on an object that was deleted before it carried the finalizer.',
    file: RECONCILE,
    edits: [
      [
        "if (plan.finalizer === 'hold' && !held && current.metadata.deletionTimestamp === undefined) {",
        "if (plan.finalizer === 'hold' && !held && object.metadata.generation > 1) {",
      ],
      ["if (plan.finalizer === 'hold' && !(published.metadata.finalizers ?? []).includes(controller.finalizer)) return settled(plan);", ''],
    ],
    prey: ['create-delete-race', 'delete-vm'],
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
    prey: ['create-delete-race'],
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
    prey: ['create-vm'],
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
    prey: ['create-vm', 'start-vm', 'driver-restart'],
  },
  {
    name: 'unreachable-is-absent',
    why: 'A device that does not answer is taken for one that has nothing.',
    file: 'controllers/runtime/device.ts',
    edits: [
      [
        '    const { code, reason, message, metadata } = error;\n    const { field } = metadata;\n    return { known: false, because: message, code, reason, ...(field !== undefined && { field }) };',
        '    return { known: true, value: {} as T };',
      ],
    ],
    prey: ['driver-restart', 'host-silence'],
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
    prey: ['create-vm', 'hand-over'],
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
    prey: ['create-vm', 'leader-change'],
  },
  {
    name: 'hints-are-not-heard',
    why: 'What a driver tells of a machine or a disk is not listened to.',
    file: SHARD,
    edits: [['  if (thing !== undefined) queue.add(thing, PRIORITY.change);\n', '']],
    prey: ['create-vm', 'stop-vm'],
  },
  {
    name: 'works-on-the-shards-of-others',
    why: 'A leader works on objects of every shard.',
    file: SHARD,
    edits: [
      [
        'if (object === undefined || controller.shardOf(object) !== options.name) {\n    devices.leave(who);',
        'if (object === undefined) {\n    devices.leave(who);',
      ],
      [
        "if (object === undefined || controller.shardOf(object) !== options.name) return { end: 'gone' };",
        "if (object === undefined) return { end: 'gone' };",
      ],
      ['return controller.shardOf(object) === name || whereabouts.keyOf(object.metadata.uid) !== undefined;', "return name !== '';"],
      ['    if (controller.shardOf(object) === name) {\n', "    if (name !== '') {\n"],
    ],
    prey: ['host-silence'],
  },
];
