import fc from 'fast-check';
import { VolumeFields } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { stampConditions } from '../runtime/plan.ts';
import type { VolumeFacts, VolumePlan, VolumeReason, VolumeStep } from './plan-facts.ts';
import { planVolume } from './plan.ts';
import { GIB, NOW, volume, pool, disk, known, silent, facts, placed, there, wanting, held, holding, tried } from './test-facts.ts';
import type { Have } from './test-facts.ts';

interface Row extends Have {
  readonly why: string;
  readonly facts?: Partial<VolumeFacts>;
  readonly reason: VolumeReason;
  readonly steps?: readonly VolumeStep['do'][];
  readonly finalizer?: VolumePlan['finalizer'];
  readonly stalled?: true;
}

const ROWS: readonly Row[] = [
  {
    why: 'a volume that only claimed a pool goes at once, although the pool is gone',
    ...{ status: placed, deleting: true, facts: { pool: undefined as never, disk: undefined as never } },
    ...{ reason: 'Deleting', finalizer: 'release' },
  },
  {
    why: 'a volume that may have a disk stays, because its pool is gone',
    ...{ status: tried, deleting: true, facts: { pool: undefined as never, disk: undefined as never } },
    reason: 'StoragePoolNotFound',
  },
  { why: 'a pool that is not there is named', facts: { offers: [] }, reason: 'StoragePoolNotFound' },
  { why: 'a selector that finds nothing says so', spec: { poolSelector: {} }, reason: 'NoPoolMatches' },
  { why: 'a pool is claimed before it is used', facts: { offers: [pool] }, reason: 'Pending' },
  { why: 'a cordoned pool takes no new disk', facts: { offers: [{ ...pool, allocation: 'Cordoned' }] }, reason: 'PoolDisabled' },
  { why: 'a pool that is not ready is waited for', facts: { offers: [{ ...pool, ready: false }] }, reason: 'PoolNotReady' },
  { why: 'a pool without room is waited for', facts: { offers: [{ ...pool, promisedBytes: 91 * GIB }] }, reason: 'PoolFull' },
  { why: 'a pool over its threshold takes no new disk', facts: { offers: [{ ...pool, full: true }] }, reason: 'PoolFull' },
  { why: 'an absent disk is made', status: placed, reason: 'Creating', steps: ['create'] },
  {
    why: 'of two claims that do not fit the later is withdrawn before anything is made',
    status: placed,
    facts: { pool: { ...pool, promisedBytes: 95 * GIB } },
    reason: 'PoolFull',
  },
  { why: 'ignorance is not absence: a silent driver takes no step', status: tried, facts: silent, reason: 'DriverUnreachable' },
  { why: 'a disk that is silent while it leaves stays held', status: there, deleting: true, facts: silent, reason: 'DriverUnreachable' },
  { why: 'a disk that was there and is gone is never made again', status: there, reason: 'Missing', stalled: true },
  { why: 'a disk as declared is ready', status: there, facts: known(disk()), reason: 'AsDeclared' },
  {
    why: 'a disk rounded up to blocks is as declared',
    status: there,
    facts: known(disk({ sizeBytes: 10 * GIB + 448 })),
    reason: 'AsDeclared',
  },
  {
    why: 'a larger disk is left alone, because shrinking loses data',
    status: there,
    facts: known(disk({ sizeBytes: 20 * GIB })),
    reason: 'CannotShrink',
    stalled: true,
  },
  { why: 'a detached disk is grown', status: there, facts: known(disk({ sizeBytes: GIB })), reason: 'Expanding', steps: ['expand'] },
  {
    why: 'an attached disk is grown by its VM',
    status: held,
    facts: {
      ...holding,
      ...known(disk({ sizeBytes: GIB, publishedTo: ['h-1'] })),
      holder: { state: 'holds', power: 'running', canGrow: true },
    },
    reason: 'Expanding',
  },
  {
    why: 'a disk whose VM cannot grow it waits',
    status: held,
    facts: {
      ...holding,
      ...known(disk({ sizeBytes: GIB, publishedTo: ['h-1'] })),
      holder: { state: 'holds', power: 'running', canGrow: false },
    },
    reason: 'ExpandWaits',
  },
  {
    why: 'a disk that nobody can tell about is not grown',
    status: held,
    facts: { ...holding, ...known(disk({ sizeBytes: GIB, publishedTo: ['h-1'] })), holder: { state: 'unknown', because: 'silence' } },
    reason: 'ExpandWaits',
  },
  {
    why: 'a disk that its VM stands still without is grown',
    status: held,
    facts: { ...holding, ...known(disk({ sizeBytes: GIB, publishedTo: ['h-1'] })), holder: { state: 'without', because: 'not told yet' } },
    reason: 'Expanding',
    steps: ['expand'],
  },
  {
    why: 'growth beyond the pool waits for room',
    status: there,
    facts: { ...known(disk({ sizeBytes: GIB })), pool: { ...pool, promisedBytes: 95 * GIB } },
    reason: 'PoolFull',
  },
  {
    why: 'a full pool still lets its disks be',
    status: there,
    facts: { ...known(disk()), pool: { ...pool, full: true } },
    reason: 'AsDeclared',
  },
  {
    why: 'a disk in a pool over its threshold is still grown while there is room',
    status: there,
    facts: { ...known(disk({ sizeBytes: GIB })), pool: { ...pool, full: true } },
    reason: 'Expanding',
    steps: ['expand'],
  },
  { why: 'a Disabled pool sees no call', status: placed, facts: { pool: { ...pool, allocation: 'Disabled' } }, reason: 'PoolDisabled' },
  { why: 'a pool that nobody leads sees no call', status: placed, facts: { pool: { ...pool, led: false } }, reason: 'PoolNotReady' },
  {
    why: 'a refused step waits for a person',
    status: placed,
    facts: { refused: { step: 'create', message: 'no' } },
    reason: 'Refused',
    stalled: true,
  },
  {
    why: 'a refused step holds up none that comes before it',
    status: there,
    facts: { ...known(disk({ sizeBytes: GIB, publishedTo: ['h-9'] })), refused: { step: 'expand', message: 'no' } },
    reason: 'Refused',
    steps: ['unpublish'],
    stalled: true,
  },
  {
    why: 'a refused step that is no longer needed is forgotten',
    status: there,
    facts: { ...known(disk()), refused: { step: 'expand', message: 'no' } },
    reason: 'AsDeclared',
  },
  { why: 'an image is copied in', spec: { source: { image: 'debian' } }, status: placed, reason: 'Creating', steps: ['import'] },
  {
    why: 'a driver that cannot import says so for good',
    spec: { source: { image: 'debian' } },
    status: placed,
    facts: { capabilities: [] },
    reason: 'NotSupported',
    stalled: true,
  },
  {
    why: 'a copy under way is watched, not begun again',
    spec: { source: { image: 'debian' } },
    status: { ...placed, operation: 'fill-v-1' },
    facts: { operation: { id: 'fill-v-1', uid: 'v-1', state: 'running', percent: 57, bytesDone: 57, bytesTotal: 100 } },
    reason: 'Creating',
  },
  {
    why: 'a copy that failed waits for a person',
    spec: { source: { image: 'debian' } },
    status: { ...placed, operation: 'fill-v-1' },
    facts: { operation: { id: 'fill-v-1', uid: 'v-1', state: 'failed', percent: 0, bytesDone: 0, bytesTotal: 1, error: 'bad image' } },
    reason: 'FillFailed',
    stalled: true,
  },
  { why: 'a source that is not there is waited for', spec: { source: { volume: 'a' } }, status: placed, reason: 'SourceNotFound' },
  {
    why: 'a source in use is waited for',
    spec: { source: { volume: 'a' } },
    status: placed,
    facts: { source: { state: 'busy', because: 'Volume a is claimed' } },
    reason: 'SourceInUse',
  },
  {
    why: 'a copy is announced before it begins, so that its source is not granted meanwhile',
    spec: { source: { volume: 'a' } },
    status: placed,
    facts: { source: { state: 'ready', uid: 'v-0' } },
    reason: 'Creating',
  },
  {
    why: 'an announced copy begins',
    spec: { source: { volume: 'a' } },
    status: { ...placed, operation: 'fill-v-1' },
    facts: { source: { state: 'ready', uid: 'v-0' } },
    reason: 'Creating',
    steps: ['clone'],
  },
  { why: 'a volume that never had a pool goes at once', deleting: true, reason: 'Deleting', finalizer: 'release' },
  {
    why: 'a disk in use outlives the request to delete it',
    status: held,
    deleting: true,
    facts: { ...holding, holder: { state: 'holds', power: 'running', canGrow: true } },
    reason: 'InUse',
  },
  {
    why: 'a claim of a VM that is gone blocks deletion until the detach is seen',
    status: held,
    deleting: true,
    facts: { ...holding, claimHolds: false, holder: { state: 'unknown', because: 'silence' } },
    reason: 'InUse',
  },
  {
    why: 'a detached disk is taken back from its host and deleted',
    status: held,
    deleting: true,
    facts: { ...holding, claimHolds: false, holder: { state: 'free' } },
    reason: 'Deleting',
    steps: ['unpublish', 'delete'],
  },
  {
    why: 'a retained disk is handed back',
    spec: { deletionPolicy: 'Retain' },
    status: there,
    deleting: true,
    facts: known(disk()),
    reason: 'Deleting',
    steps: ['release'],
  },
  {
    why: 'a disk that was handed back lets the volume go',
    spec: { deletionPolicy: 'Retain' },
    status: there,
    deleting: true,
    facts: known(disk({ released: true })),
    reason: 'Deleting',
    finalizer: 'release',
  },
  {
    why: 'deleting what is absent leaves a mark against a late create, and lets the volume go',
    status: placed,
    deleting: true,
    reason: 'Deleting',
    steps: ['delete'],
    finalizer: 'release',
  },
  {
    why: 'a copy under way is cancelled before the volume goes',
    spec: { source: { image: 'debian' } },
    status: { ...placed, operation: 'fill-v-1' },
    deleting: true,
    facts: { operation: { id: 'fill-v-1', uid: 'v-1', state: 'running', percent: 1, bytesDone: 1, bytesTotal: 100 } },
    reason: 'Deleting',
    steps: ['cancel'],
  },
  {
    why: 'what is being copied from is not deleted',
    status: there,
    deleting: true,
    facts: { ...known(disk()), clonedBy: 'b' },
    reason: 'InUse',
  },
];

describe('planVolume', () => {
  test.each(ROWS)('$why', ({ facts: have = {}, reason, steps = [], finalizer = 'hold', stalled, ...row }) => {
    const plan = planVolume(volume(row), facts(have));
    const [ready] = plan.status.conditions;
    expect({ reason: ready?.reason, steps: plan.steps.map((step) => step.do), finalizer: plan.finalizer }).toEqual({
      reason,
      steps,
      finalizer,
    });
    expect(ready?.status === 'True').toBe(reason === 'AsDeclared');
    expect(plan.status.conditions.some(({ type }) => type === 'Stalled')).toBe(stalled === true);
    expect(VolumeFields.shape.status.parse(stamped(plan.status))).toBeDefined();
  });

  test('of several pools it takes the one with the most room', () => {
    const offers = [
      pool,
      { ...pool, name: 'pool-2', limitBytes: 200 * GIB },
      { ...pool, name: 'pool-3', ready: false, limitBytes: 900 * GIB },
    ];
    const have = volume({ spec: { poolSelector: {} } });
    expect(planVolume(have, facts({ offers })).status.pool).toBe('pool-2');
  });

  test('the operation of a copy is published with the step that starts it', () => {
    const plan = planVolume(volume({ spec: { source: { image: 'debian' } }, status: placed }), facts());
    expect(plan.status.operation).toBe('fill-v-1');
    expect(plan.steps).toEqual([{ do: 'import', sizeBytes: 10 * GIB, image: 'debian', operationId: 'fill-v-1' }]);
  });

  test('progress is said in steps of ten, so that it does not write all the time', () => {
    const operation = { id: 'fill-v-1', uid: 'v-1', state: 'running', percent: 57, bytesDone: 57, bytesTotal: 100 } as const;
    const have = volume({ spec: { source: { image: 'debian' } }, status: { ...placed, operation: 'fill-v-1' } });
    expect(planVolume(have, facts({ operation })).status.progressPercent).toBe(50);
  });
});

function stamped(status: VolumePlan['status']): Volume['status'] {
  return { ...status, conditions: [...stampConditions(status.conditions, [], NOW)] };
}

/** What a pool without faults does with a step. */
function after(step: VolumeStep, have: VolumeFacts): VolumeFacts {
  const now = have.disk?.known === true ? have.disk.value : undefined;
  switch (step.do) {
    case 'create':
      return { ...have, ...known(disk({ sizeBytes: step.sizeBytes })) };
    case 'adopt':
      return { ...have, ...known(disk({ generation: 0 })) };
    case 'import':
    case 'clone':
      return { ...have, ...known(disk({ sizeBytes: step.sizeBytes })) };
    case 'expand':
      return { ...have, ...known(now && { ...now, sizeBytes: step.sizeBytes }) };
    case 'unpublish':
      return { ...have, ...known(now && { ...now, publishedTo: now.publishedTo.filter((host) => host !== step.hostId) }) };
    case 'delete':
    case 'cancel':
      return { ...have, ...known() };
    case 'release':
      return { ...have, ...known(now && { ...now, released: true }) };
  }
}

test('every volume settles: following the plan reaches a plan without steps, and a deleted one is let go', () => {
  const sources = fc.constantFrom(undefined, { image: 'debian' }, { volume: 'a' });
  const published = fc.subarray(['h-1', 'h-2']);
  const sizes = fc.constantFrom('1Gi', '10Gi', '20Gi');
  const policies = fc.constantFrom('Delete', 'Retain');
  const world = fc.record({
    ...{ source: sources, size: sizes, deletionPolicy: policies, deleting: fc.boolean(), wanted: fc.boolean() },
    found: fc.option(published, { nil: undefined }),
  });
  fc.assert(
    fc.property(world, ({ source, size, deletionPolicy, deleting, wanted, found }) => {
      let have = facts({
        ...{ offers: [pool], source: { state: 'ready', uid: 'v-0' }, wanting: wanted && !deleting ? wanting : [] },
        ...known(found && disk({ sizeBytes: GIB, publishedTo: found })),
      });
      let object = volume({ spec: { size, deletionPolicy, ...(source && { source }) }, deleting, status: found ? there : {} });
      for (let round = 0; round < 12; round += 1) {
        const plan = planVolume(object, have);
        for (const step of plan.steps) have = after(step, have);
        const status = stamped(plan.status);
        if (plan.finalizer === 'release') return deleting;
        if (plan.steps.length === 0 && JSON.stringify(status) === JSON.stringify(object.status)) {
          const [ready] = status.conditions;
          return !deleting && ready?.reason === 'AsDeclared' && (status.claim !== undefined) === wanted;
        }
        object = { ...object, status };
        const granted = status.claim === undefined ? {} : { claimHostId: 'h-1', holder: { state: 'free' as const } };
        have = { ...have, claimHolds: status.claim !== undefined, ...granted };
      }
      return false;
    }),
  );
});
