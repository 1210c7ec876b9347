import type { Mutant } from './mutant.ts';

const VM = 'controllers/virtual-machine/plan';

/** Bugs of how virtual machines are kept. */
export const MACHINE_MUTANTS: readonly Mutant[] = [
  {
    name: 'lets-go-of-a-running-machine',
    why: 'A VM is let go as soon as its guest was told to stop.',
    file: `${VM}/deletion.ts`,
    edits: [['if (machine.stoppingSinceMs !== undefined) return stopping;', 'if (machine.stoppingSinceMs !== undefined) return gone;']],
    prey: ['delete-vm'],
  },
  {
    name: 'restarts-for-any-change',
    why: 'A change of the spec stops a running VM.',
    file: `${VM}/restart.ts`,
    edits: [
      [
        'return spec.running && (status.restartToken ?? spec.restartToken) !== spec.restartToken;',
        'return spec.running && ((status.observedGeneration ?? 1) > 1 || (status.restartToken ?? spec.restartToken) !== spec.restartToken);',
      ],
    ],
    prey: ['attach-disk', 'resize-vm'],
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
    prey: ['restart-vm', 'stop-vm'],
  },
  {
    name: 'never-plugs-disks',
    why: 'A disk that was declared later is never attached to a running machine.',
    file: `${VM}/running.ts`,
    edits: [["...missing.map((disk): VmStep => ({ do: 'attach-disk', hostId, disk })),", '']],
    prey: ['attach-disk'],
  },
  {
    name: 'starts-without-describing',
    why: 'A machine that stands still is started as it was described before.',
    file: `${VM}/stopped.ts`,
    edits: [
      [
        "steps: [...(drifted && spec.driftPolicy === 'Observe' ? [] : ensureMachine(vm, facts, wanted)), { do: 'start-machine' }],",
        "steps: [{ do: 'start-machine' }],",
      ],
    ],
    prey: ['resize-vm'],
  },
  {
    name: 'moves-what-runs',
    why: 'A VM that runs is stopped as soon as its declared placement is another.',
    file: `${VM}/running.ts`,
    edits: [
      [
        "const leaves = exit?.may === true && machine.power === 'running';",
        "const leaves = (exit?.may === true || vm.metadata.generation > machine.generation) && machine.power === 'running';",
      ],
    ],
    prey: ['move-vm', 'resize-vm'],
  },
  {
    name: 'drains-what-may-not-be-stopped',
    why: 'Maintenance stops VMs whose onMaintenance is Stay.',
    file: 'controllers/virtual-machine/turn.ts',
    edits: [
      [
        "return spec.running && spec.onMaintenance === 'Restart' && metadata.deletionTimestamp === undefined",
        'return spec.running && metadata.deletionTimestamp === undefined',
      ],
    ],
    prey: ['maintenance'],
  },
  {
    name: 'never-drains',
    why: 'A VM that may leave a host in maintenance stays.',
    file: `${VM}/evacuation.ts`,
    edits: [
      [
        '  if (evacuates !== true || room === undefined) return undefined;\n',
        '  if (evacuates !== undefined || room === undefined) return undefined;\n',
      ],
    ],
    prey: ['maintenance'],
  },
  {
    name: 'believes-no-proof',
    why: 'A VM whose host is proven dead waits for it.',
    file: 'controllers/virtual-machine/plan.ts',
    edits: [
      ["if (verified && host?.fence !== undefined) return 'Fenced';", "if (!verified && host?.fence !== undefined) return 'Fenced';"],
    ],
    prey: ['host-loss'],
  },
  {
    name: 'acts-on-a-host-before-it-is-clean',
    why: 'A machine is started on a host that is back and not cleaned.',
    file: 'controllers/virtual-machine/plan.ts',
    edits: [['  if (host?.cleaning === true) {\n', '  if (host?.cleaning === true && steps.length > 9) {\n']],
    prey: ['out-of-service'],
  },
  {
    name: 'drains-by-the-view',
    why: 'A VM is stopped for a maintenance that was taken back, because a view has not heard of that.',
    file: 'controllers/virtual-machine/controller.ts',
    edits: [[' && (await isDrained(parts, vm, signal));', ';']],
    prey: ['maintenance-taken-back'],
  },
];
