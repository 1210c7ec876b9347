import type { ApiObject } from '../../apis/meta/object.ts';
import { createSightings } from './sightings.ts';

const object = (uid: string, resourceVersion: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Zone',
  metadata: { uid, resourceVersion, name: 'z', generation: 1, creationTimestamp: '' },
});

test('covers what is as new as what was seen, or newer, of the same object', () => {
  const sightings = createSightings();
  expect(sightings.covers(object('a', '100'))).toBe(false);
  sightings.note(object('a', '100'));
  const versions = ['99', '100', '1000'].map((version) => sightings.covers(object('a', version)));
  expect([...versions, sightings.covers(object('b', '1000'))]).toEqual([false, true, true, false]);
  sightings.forget('a');
  expect(sightings.covers(object('a', '1000'))).toBe(false);
});
