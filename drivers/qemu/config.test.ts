import type { ConfigBag } from '../contract/driver.ts';
import { parseHostConfig, parsePoolConfig } from './config.ts';

function refusal(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    return error;
  }
}

test.each([
  ['stateDir', { stateDir: 'relative/path' }],
  ['stateDir', { stateDir: '' }],
  ['stateDir', { stateDir: '/with\0nul' }],
  ['imagesDir', { imagesDir: 7 }],
  ['bridges', { bridges: 'br0' }],
  ['bridges[1]', { bridges: ['br0', '../br1'] }],
  ['accelerator', { accelerator: 'xen' }],
  ['cpus', { cpus: 0 }],
  ['memoryBytes', { memoryBytes: 1.5 }],
  ['unknown', { unknown: true }],
  ['constructor', { constructor: 'x' }],
])('a wrong %s is refused by its name', (field, bag) => {
  expect(refusal(() => parseHostConfig(bag as ConfigBag))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'CONFIG_INVALID',
    metadata: { field },
  });
});

test('an empty bag is a whole configuration', () => {
  expect(parseHostConfig({})).toEqual({ bridges: [], accelerator: 'auto' });
  expect(parsePoolConfig({})).toEqual({});
});

test('a pool takes absolute folders only', () => {
  expect(refusal(() => parsePoolConfig({ dir: 'pool' }))).toMatchObject({ metadata: { field: 'dir' } });
  expect(parsePoolConfig({ dir: '/srv/pool', capacityBytes: 5 })).toEqual({ dir: '/srv/pool', capacityBytes: 5 });
});
