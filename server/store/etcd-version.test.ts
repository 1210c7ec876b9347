import { describeEtcd } from './etcd-version.ts';

test.each([
  ['3.4.23', 7],
  ['3.4.24', 6],
  ['3.4.37+git', 2],
  ['3.4.42', 0],
])('etcd %s has %d of the defects that are guarded against', (version, count) => {
  expect(describeEtcd(version).guarded).toHaveLength(count);
});

test.each(['3.5.9', '3.40.1', '', 'unknown'])('nothing is claimed of the defects of an etcd %p', (version) => {
  expect(describeEtcd(version)).toEqual({ version, guarded: undefined });
});
