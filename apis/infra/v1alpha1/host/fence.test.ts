import { coveringFence, fenceOver } from './fence.ts';

const fence = { bootId: 'b-1', evidence: 'PowerOff', message: 'off' } as const;

test.each([
  { why: 'the boot that was seen last', status: { bootId: 'b-1', fence }, covers: fence },
  { why: 'another boot than the one that was seen last', status: { bootId: 'b-2', fence }, covers: undefined },
  { why: 'a boot, where none was seen', status: { fence }, covers: undefined },
  { why: 'nothing', status: { bootId: 'b-1' }, covers: undefined },
])('a fence about $why proves that much', ({ status, covers }) => {
  expect(coveringFence({ status: { conditions: [], ...status } })).toEqual(covers);
});

test('a lease that ran out proves dead the machines that it names, and any other proof all of them', () => {
  const over = (evidence: 'LeaseExpired' | 'OutOfService', machine: string) =>
    fenceOver({ status: { conditions: [], bootId: 'b-1', fence: { bootId: 'b-1', evidence, message: 'm', machines: ['m-1'] } } }, machine);
  expect([over('LeaseExpired', 'm-1'), over('OutOfService', 'm-2')]).toMatchObject([
    { evidence: 'LeaseExpired' },
    { evidence: 'OutOfService' },
  ]);
  expect(over('LeaseExpired', 'm-2')).toBeUndefined();
});
