import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { planVolume } from './plan.ts';
import { facts, said, tried, volume } from './test-facts.ts';

describe('A volume that is filled', () => {
  test('a copy that was refused for good keeps its source from nobody', () => {
    const copying = volume({ spec: { source: { volume: 'a' } }, status: { ...tried, operation: 'fill-v-1' } });
    const { status, steps } = planVolume(
      copying,
      facts({ refused: { step: 'clone', message: 'no' }, source: { state: 'ready', uid: 'a-1' } }),
    );
    expect({ operation: status.operation, steps, reason: status.conditions[0]?.reason }).toEqual({ steps: [], reason: 'Refused' });
    const next = { ...copying, status: { ...copying.status, operation: undefined, ...said('Refused') } } as unknown as Volume;
    expect(planVolume(next, facts({ refused: { step: 'clone', message: 'no' }, source: { state: 'ready', uid: 'a-1' } })).status).toEqual(
      status,
    );
  });
});
