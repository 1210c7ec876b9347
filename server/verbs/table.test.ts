import { CATALOG } from '../../apis/catalog.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { EventKind } from '../../apis/core/v1/event/kind.ts';
import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { partialOf, tableOf } from './table.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const metadata = {
  name: 'web',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '7',
  generation: 1,
  creationTimestamp: '2026-11-21T07:56:40Z',
};
const web: ApiObject = {
  apiVersion: 'compute.lenticular.dev/v1alpha1',
  kind: 'VirtualMachine',
  metadata,
  spec: { cpus: 2, memory: 1073741824 },
  status: {
    conditions: [
      { type: 'Stalled', status: 'False', reason: 'No' },
      { type: 'Ready', status: 'True', reason: 'Running' },
    ],
  },
};

const cells = (table: ReturnType<typeof tableOf>): Record<string, unknown> =>
  Object.fromEntries(table.columnDefinitions.map(({ name }, at) => [name, table.rows[0]?.cells[at]]));

describe('a table', () => {
  test('has a cell for each column, with the name first and ages counted to now', () => {
    const table = tableOf(VirtualMachineKind, [web], { nowMs: NOW });
    expect(table.columnDefinitions[0]).toMatchObject({ name: 'Name', format: 'name', priority: 0 });
    expect(cells(table)).toMatchObject({
      Name: 'web',
      Ready: 'True',
      Reason: 'Running',
      Host: null,
      CPUs: 2,
      Memory: '1073741824',
      Age: '3m20s',
    });
  });

  test.each([
    ['None', undefined],
    ['Metadata', partialOf(web)],
    ['Object', web],
  ] as const)('carries with each row what includeObject=%s asks for', (includeObject, object) => {
    expect(tableOf(VirtualMachineKind, [web], { nowMs: NOW, includeObject }).rows[0]?.object).toEqual(object);
  });

  test('says its columns once in a watch', () => {
    expect(tableOf(VirtualMachineKind, [web], { nowMs: NOW, definitions: false }).columnDefinitions).toEqual([]);
  });

  test('of events begins with when they were last seen, in whichever field a client said so', () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata,
      involvedObject: { kind: 'Zone', name: 'z' },
      eventTime: '2026-11-21T07:59:00.5Z',
    };
    const table = tableOf(EventKind, [event], { nowMs: NOW });
    expect(table.columnDefinitions.map(({ name, priority }) => (priority === 0 ? name : ''))).toEqual(
      expect.arrayContaining(['Last Seen', 'Type', 'Reason', 'Object', 'Message']),
    );
    expect(cells(table)).toMatchObject({ 'Last Seen': '59s', Object: 'zone/z', Count: 1, Name: 'web' });
  });

  test('can be made of every kind, and of an object without any of its fields', () => {
    const bare = { apiVersion: 'v1', kind: 'Bare', metadata };
    for (const kind of CATALOG) expect(tableOf(kind, [bare], { nowMs: NOW }).rows).toHaveLength(1);
  });
});
