import type { Adoptable, VolumeReason, VolumeStep } from './plan-facts.ts';
import { planVolume } from './plan.ts';
import { disk, facts, GIB, known, placed, pool, silent, there, volume } from './test-facts.ts';
import type { Have } from './test-facts.ts';

const adopt = { adopt: 'old-1' };
const free: Adoptable = { state: 'there', from: 'v-0', sizeBytes: 10 * GIB };

interface Row extends Have {
  readonly why: string;
  readonly facts?: Parameters<typeof facts>[0];
  readonly reason: VolumeReason;
  readonly says?: RegExp;
  readonly steps?: readonly VolumeStep[];
  readonly stalled?: false;
}

const can = { capabilities: ['disk.adopt'] };

const ROWS: readonly Row[] = [
  {
    why: 'a disk that nobody manages is taken in with the tag that was seen on it',
    ...{ status: placed, facts: { ...can, adoptable: free }, reason: 'Adopting', stalled: false },
    steps: [{ do: 'adopt', id: 'old-1', from: 'v-0' }],
  },
  { why: 'its pool is claimed before it is used', facts: { offers: [pool] }, reason: 'Pending', stalled: false },
  {
    why: 'a disk of another volume is not taken',
    ...{ status: placed, facts: { ...can, adoptable: { state: 'managed', by: 'default/other' } }, reason: 'NotAdoptable' },
    says: /managed by Volume default\/other/,
  },
  {
    why: 'a disk of another namespace is not taken, because its data is not ours',
    ...{ status: placed, facts: { ...can, adoptable: { state: 'elsewhere', namespace: 'them' } }, reason: 'NotAdoptable' },
    says: /Namespace them/,
  },
  { why: 'a disk that is not there is named', status: placed, facts: { ...can, adoptable: { state: 'absent' } }, reason: 'NotAdoptable' },
  { why: 'a driver that cannot says so', status: placed, facts: { capabilities: [], adoptable: free }, reason: 'NotSupported' },
  {
    why: 'a disk that is larger than declared is not taken, because it would never be as declared',
    ...{ status: placed, facts: { ...can, adoptable: { ...free, sizeBytes: 20 * GIB } }, reason: 'CannotShrink' },
    says: /20Gi/,
  },
  { why: 'ignorance takes no step', status: placed, facts: { ...can, ...silent }, reason: 'DriverUnreachable', stalled: false },
  {
    why: 'a smaller disk is grown once it is taken in',
    ...{ status: there, facts: { ...can, ...known(disk({ sizeBytes: GIB })) }, reason: 'Expanding', stalled: false },
    steps: [{ do: 'expand', sizeBytes: 10 * GIB }],
  },
  { why: 'what was taken in and is gone is never made anew', status: there, facts: { ...can, adoptable: free }, reason: 'Missing' },
];

describe('A volume that takes in a disk', () => {
  test.each(ROWS)('$why', ({ facts: have = {}, reason, says = /./, steps = [], stalled = true, ...row }) => {
    const plan = planVolume(volume({ ...row, spec: { ...row.spec, ...adopt } }), facts(have));
    const [ready] = plan.status.conditions;
    expect({ reason: ready?.reason, steps: plan.steps }).toEqual({ reason, steps });
    expect(ready?.message).toMatch(says);
    expect(plan.status.conditions.some(({ type }) => type === 'Stalled')).toBe(stalled);
  });
});
