import fc from 'fast-check';
import { parseProgress } from './disk-fill.ts';
import { parsePlugged } from './engine-facts.ts';
import { parseStat, processOf } from './machine-process.ts';
import { parseQcow2Header } from './qcow2-header.ts';
import { parseQmpLine } from './qmp.ts';
import { seedIso } from './seed-iso.ts';

test("a monitor's lines are greeting, event, answer or error", () => {
  expect(parseQmpLine('{"QMP": {"version": {}}}')).toEqual({ kind: 'greeting' });
  expect(parseQmpLine('{"event": "SHUTDOWN", "data": {"guest": true}}')).toEqual({
    kind: 'event',
    event: { event: 'SHUTDOWN', data: { guest: true } },
  });
  expect(parseQmpLine('{"return": {"status": "running"}, "id": "3"}')).toEqual({ kind: 'answer', id: '3', result: { status: 'running' } });
  expect(parseQmpLine('{"error": {"class": "GenericError", "desc": "no"}, "id": "4"}')).toEqual({
    kind: 'error',
    id: '4',
    class: 'GenericError',
    text: 'no',
  });
});

test('JSON of any shape in place of a monitor line is taken for nothing, and never throws', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(typeof parseQmpLine(JSON.stringify(value)).kind).toBe('string')));
});

test('a process whose name imitates the fields of its state is read by the last parenthesis', () => {
  const fields = ['S', ...Array.from({ length: 18 }, () => '0'), '4711', '0'];
  expect(parseStat(`12 (a) Z 1 (b) ${fields.join(' ')}`)).toEqual({ startTicks: '4711' });
  expect(parseStat(`12 (a) ${['Z', ...fields.slice(1)].join(' ')}`)).toBeUndefined();
  expect(processOf(process.pid)?.pid).toBe(process.pid);
});

test('disks are read from query-block by their device path, and what is not ours is left out', () => {
  const ours = { qdev: '/machine/peripheral/vd-0123456789ab/virtio-backend', inserted: { ro: true, image: { 'virtual-size': 512 } } };
  expect(parsePlugged([ours, { qdev: '/machine/peripheral/seed/virtio-backend', inserted: {} }, { device: 'x' }])).toEqual([
    { deviceId: 'vd-0123456789ab', sizeBytes: 512, readOnly: true },
  ]);
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(Array.isArray(parsePlugged(value))).toBe(true)));
});

test('a qcow2 header says its size, and whether it leans on another file; anything else is no image', () => {
  const header = Buffer.alloc(104);
  header.writeUInt32BE(0x514649fb, 0);
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(1024n, 24);
  expect(parseQcow2Header(header)).toEqual({ virtualSizeBytes: 1024, leansOnAnotherFile: false });
  const backed = Buffer.from(header);
  backed.writeBigUInt64BE(104n, 8);
  expect(parseQcow2Header(backed)?.leansOnAnotherFile).toBe(true);
  const external = Buffer.from(header);
  external.writeBigUInt64BE(4n, 72);
  expect(parseQcow2Header(external)?.leansOnAnotherFile).toBe(true);
  expect(parseQcow2Header(Buffer.from('#!/bin/sh'))).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseQcow2Header(Buffer.from(bytes))));
});

test("the converter's last progress counts", () => {
  expect(parseProgress('    (0.00/100%)\r    (41.02/100%)\r')).toBe(41.02);
  expect(parseProgress('')).toBe(0);
});

test('a seed holds the volume id, and each file where its directory entry says', () => {
  const image = seedIso({ 'user-data': '#cloud-config\n', 'meta-data': 'instance-id: x\n' });
  expect(image.length).toBeGreaterThanOrEqual(192 * 2048);
  expect(image.toString('latin1', 16 * 2048 + 1, 16 * 2048 + 6)).toBe('CD001');
  expect(image.toString('latin1', 16 * 2048 + 40, 16 * 2048 + 46)).toBe('cidata');
  const root = image.subarray(20 * 2048, 21 * 2048);
  const at = root.indexOf('USER-DATA.;1') - 33;
  const [sector, size] = [root.readUInt32LE(at + 2), root.readUInt32LE(at + 10)];
  expect(image.toString('utf8', sector * 2048, sector * 2048 + size)).toBe('#cloud-config\n');
});
