import fc from 'fast-check';
import type { MachineSpec } from '../contract/machine.ts';
import { diskDeviceId, escapeCommas, kernelArguments, machineCommandLine } from './command-line.ts';
import { folderAt } from './machine-record.ts';

const SPEC: MachineSpec = {
  owner: { installation: 'i', kind: 'VirtualMachine', namespace: 'default', name: 'web', uid: '7a0d2a52-8f5f-4d8a-9b57-0c1c2f6a1111' },
  cpus: 2,
  memoryBytes: 96 * 2 ** 20 + 1,
  boot: { kernel: 'k', initrd: 'i', cmdline: 'quiet' },
  disks: [{ name: 'root', uid: 'disk-1', readOnly: false, connection: { protocol: 'file-qcow2', attributes: { path: '/p/a,b=c.qcow2' } } }],
  interfaces: [{ name: 'net', mac: '52:54:00:00:00:01', mode: 'user' }],
};

function commandLine(spec: MachineSpec, folder = '/run/vm/1'): readonly string[] {
  return machineCommandLine(spec, { folder: folderAt(folder), files: { kernel: '/images/k', initrd: '/images/i' }, accelerator: 'tcg' });
}

function valuesOf(argv: readonly string[], option: string): readonly string[] {
  return argv.flatMap((argument, index) => (argument === option ? [argv[index + 1] ?? ''] : []));
}

test('a path with commas and equal signs stays one value, in JSON and in option strings', () => {
  const argv = commandLine(SPEC, '/run/a,b/1');
  const node = valuesOf(argv, '-blockdev').map((text) => JSON.parse(text) as { file: { filename: string }; driver: string })[0];
  expect(node).toMatchObject({ driver: 'qcow2', file: { driver: 'file', filename: '/p/a,b=c.qcow2' }, backing: null });
  expect(valuesOf(argv, '-chardev')[0]).toBe('socket,id=qmp0,path=/run/a,,b/1/a.sock,server=on,wait=off');
  expect(valuesOf(argv, '-pidfile')).toEqual(['/run/a,b/1/pid']);
});

test('a kernel command line reaches the engine as one argument, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 200 }), (cmdline) => {
      const argv = commandLine({ ...SPEC, boot: { kernel: 'k', cmdline } });
      expect(argv).toHaveLength(commandLine({ ...SPEC, boot: { kernel: 'k', cmdline: 'quiet' } }).length);
      expect(valuesOf(argv, '-append')).toHaveLength(1);
    }),
  );
});

test('a doubled comma reads back as the value it was', () => {
  fc.assert(fc.property(fc.string(), (value) => expect(escapeCommas(value).replaceAll(',,', ',')).toBe(value)));
});

test('the kernel gets a console, and under TCG the two arguments without which guests hang; what the user says wins', () => {
  expect(kernelArguments('quiet', 'tcg')).toBe('quiet console=ttyS0 no_timer_check tsc=reliable');
  expect(kernelArguments('quiet', 'kvm')).toBe('quiet console=ttyS0');
  expect(kernelArguments(' console=tty0  tsc=unstable ', 'tcg')).toBe('console=tty0 tsc=unstable no_timer_check');
});

test('disks sit on ports of their own, so that each can be unplugged, and boot in order only where no kernel is named', () => {
  const devices = (spec: MachineSpec): readonly Record<string, unknown>[] =>
    valuesOf(commandLine(spec), '-device')
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text) as Record<string, unknown>);
  const { boot: _boot, ...withoutKernel } = SPEC;
  const id = diskDeviceId('disk-1');
  expect(devices(SPEC).find((device) => device.id === id)).toMatchObject({ bus: 'rp1', serial: 'disk-1' });
  expect(devices(SPEC).find((device) => device.id === id)).not.toHaveProperty('bootindex');
  expect(devices(withoutKernel).find((device) => device.id === id)).toMatchObject({ bootindex: 1 });
});

test('the engine is confined, keeps a dead guest for whoever asks why, and caps its translation buffer', () => {
  const argv = commandLine(SPEC);
  expect(valuesOf(argv, '-sandbox')).toEqual(['on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny']);
  expect(argv).toEqual(expect.arrayContaining(['-no-shutdown', '-nodefaults', '-no-user-config']));
  expect(valuesOf(argv, '-accel')).toEqual(['tcg,tb-size=32']);
  expect(valuesOf(argv, '-m')).toEqual(['97M']);
});
