import type { VolumePlan, VolumeReason, VolumeStep } from './plan-facts.ts';
import { planVolume } from './plan.ts';
import { disk, facts, held, holding, known, silent, there, volume } from './test-facts.ts';
import type { Have } from './test-facts.ts';

interface Row extends Have {
  readonly why: string;
  readonly facts: Parameters<typeof facts>[0];
  readonly reason: VolumeReason;
  readonly steps?: readonly VolumeStep['do'][];
  readonly finalizer?: VolumePlan['finalizer'];
  readonly says?: RegExp;
}

const unknown = { state: 'unknown', because: 'silence' } as const;

const ROWS: readonly Row[] = [
  {
    why: 'goes without proof when its pool does not answer, and says what was not known',
    ...{ status: there, facts: silent, reason: 'Abandoned', finalizer: 'release', says: /does not answer.*given up \(burnt\)/ },
  },
  {
    why: 'goes when its pool is gone',
    ...{ status: there, facts: { pool: undefined as never, disk: undefined as never }, reason: 'Abandoned', finalizer: 'release' },
  },
  {
    why: 'goes when nobody can tell whether a VM that is gone still has it, and the disk is not touched',
    ...{ status: held, facts: { ...holding, claimHolds: false, holder: unknown }, reason: 'Abandoned', finalizer: 'release' },
    says: /VirtualMachine vm-1 on Host host-1/,
  },
  {
    why: 'stays while a VM wants it, whatever its pool does',
    ...{ status: held, facts: { ...holding, ...silent }, reason: 'InUse' },
  },
  {
    why: 'stays while a machine surely has it',
    ...{ status: held, reason: 'InUse' },
    facts: { ...holding, claimHolds: false, holder: { state: 'holds', power: 'running', canGrow: true } },
  },
  {
    why: 'is deleted as any other where its device answers',
    ...{ status: there, facts: known(disk()), reason: 'Deleting', steps: ['delete'] },
  },
  {
    why: 'goes when the driver has refused for good to delete it',
    ...{ status: there, facts: { ...known(disk()), refused: { step: 'delete', message: 'read-only' } }, reason: 'Abandoned' },
    ...{ finalizer: 'release', says: /read-only/ },
  },
  {
    why: 'goes although it is being copied from, when its pool does not answer',
    ...{ status: there, facts: { ...silent, clonedBy: 'b' }, reason: 'Abandoned', finalizer: 'release' },
  },
];

describe('A volume that is given up on', () => {
  test.each(ROWS)('$why', ({ facts: have, reason, steps = [], finalizer = 'hold', says = /./, ...row }) => {
    const plan = planVolume(volume({ ...row, spec: { abandon: { reason: 'burnt' } }, deleting: true }), facts(have));
    const [ready] = plan.status.conditions;
    expect({ reason: ready?.reason, steps: plan.steps.map((step) => step.do), finalizer: plan.finalizer }).toEqual({
      reason,
      steps,
      finalizer,
    });
    expect(ready?.message).toMatch(says);
  });

  test('is kept as any other until it is deleted', () => {
    const plan = planVolume(volume({ spec: { abandon: { reason: 'burnt' } }, status: there }), facts(silent));
    expect(plan).toMatchObject({ finalizer: 'hold', steps: [] });
    expect(plan.status.conditions[0]?.reason).toBe('DriverUnreachable');
  });
});
