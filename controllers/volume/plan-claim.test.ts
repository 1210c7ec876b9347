import { planVolume } from './plan.ts';
import { NOW, claim, disk, facts, held, holding, known, placed, silent, there, volume, wanting } from './test-facts.ts';

describe('A claim', () => {
  test('is granted to the first that wants the disk, at its placement', () => {
    const later = { ...claim, virtualMachine: 'vm-2', uid: 'm-2', hostId: 'h-2' };
    const plan = planVolume(volume({ status: there }), facts({ ...known(disk()), wanting: [...wanting, later] }));
    expect(plan.status.claim).toEqual(claim);
  });

  test('is not granted while the disk is published elsewhere; that is taken back first', () => {
    const plan = planVolume(volume({ status: there }), facts({ ...known(disk({ publishedTo: ['h-9'] })), wanting }));
    expect(plan.status.claim).toBeUndefined();
    expect(plan.steps).toEqual([{ do: 'unpublish', hostId: 'h-9' }]);
  });

  test('is not granted while another volume is copied from the disk', () => {
    expect(planVolume(volume({ status: there }), facts({ ...known(disk()), wanting, clonedBy: 'b' })).status.claim).toBeUndefined();
  });

  test('is not granted before the disk is there', () => {
    expect(planVolume(volume({ status: placed }), facts({ wanting })).status.claim).toBeUndefined();
  });

  test('is not granted on a volume that leaves', () => {
    const plan = planVolume(volume({ status: there, deleting: true }), facts({ ...known(disk()), wanting }));
    expect(plan.status.claim).toBeUndefined();
  });

  test.each([
    {
      why: 'stays while its VM wants it, even before the machine has it',
      more: { claimHolds: true, holder: { state: 'free' } },
      stays: true,
    },
    { why: 'stays while the machine has the disk', more: { holder: { state: 'holds', power: 'stopped', canGrow: true } }, stays: true },
    {
      why: 'stays while its machine may still be given the disk',
      more: { holder: { state: 'without', because: 'not told yet' } },
      stays: true,
    },
    { why: 'stays while nobody can tell', more: { holder: { state: 'unknown', because: 'silence' } }, stays: true },
    { why: 'falls when the detach was seen', more: { holder: { state: 'free' } }, stays: false },
  ] as const)('$why', ({ more, stays }) => {
    const plan = planVolume(volume({ status: held }), facts({ ...holding, claimHolds: false, ...more }));
    expect(plan.status.claim).toEqual(stays ? claim : undefined);
    expect(plan.steps).toEqual(stays ? [] : [{ do: 'unpublish', hostId: 'h-1' }]);
  });

  test.each([
    { why: 'said when its VM is done', before: 'Claimed', begun: false, says: 'Attached' },
    { why: 'not said while its VM is at work', before: 'Claimed', begun: true, says: 'Claimed' },
    { why: 'said on while its VM is at work on something else', before: 'Attached', begun: true, says: 'Attached' },
    { why: 'said again after silence', before: 'DriverUnreachable', begun: true, says: 'Attached' },
  ] as const)('that the machine has the disk is $why', ({ before, begun, says }) => {
    const conditions = [{ type: 'Attached' as const, status: 'False' as const, reason: before, message: '', lastTransitionTime: NOW }];
    const holder = { state: 'holds', power: 'running', canGrow: true, ...(begun && { begun }) } as const;
    const { status } = planVolume(volume({ status: { ...held, conditions } }), facts({ ...holding, holder }));
    expect(status.conditions.find(({ type }) => type === 'Attached')?.reason).toBe(says);
  });

  test('survives every ignorance about the disk', () => {
    expect(planVolume(volume({ status: held }), facts({ ...silent, claimHolds: true })).status.claim).toEqual(claim);
  });
});
