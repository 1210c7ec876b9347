import type { MachineDisk, MachineSpec } from '../contract/machine.ts';
import type { MachineFolder } from './machine-record.ts';
import { shortId, uuidOf } from './identity.ts';

/** The versioned machine type: a guest sees the same hardware whatever engine version starts it. */
export const MACHINE_TYPE = 'pc-q35-7.2';
/** Ports that stay free for disks attached while the machine runs. */
const SPARE_PORTS = 4;
const MIN_PORTS = 8;
const MIB = 1024 * 1024;
/** Under TCG each machine's translation buffer, MiB: the engine's own choice is a quarter of the host. */
const TCG_BUFFER_MIB = 32;

/** Files that were resolved and checked before: real paths. */
export interface ResolvedFiles {
  readonly kernel?: string;
  readonly initrd?: string;
  /** Present where the machine has user data. */
  readonly seed?: string;
}

/** The device id of a disk in the engine; the node is `n-` and the same. */
export function diskDeviceId(uid: string): string {
  return `vd-${shortId(uid)}`;
}

/** The name of a disk's block node in its machine: at most 31 characters, as QEMU wants. */
export function diskNodeName(uid: string): string {
  return `n-${shortId(uid)}`;
}

/** What `-blockdev` and `blockdev-add` take: always an explicit format, so that no header is trusted to say what it is. */
export function diskNode(disk: MachineDisk): Readonly<Record<string, unknown>> {
  return {
    driver: 'qcow2',
    'node-name': diskNodeName(disk.uid),
    'read-only': disk.readOnly,
    discard: 'unmap',
    backing: null,
    file: { driver: 'file', filename: disk.connection.attributes.path, 'read-only': disk.readOnly, discard: 'unmap' },
  };
}

/** What `-device` and `device_add` take for a disk on the port `bus`; guests find it by its serial: the first 20 characters of the uid. */
export function diskDevice(disk: MachineDisk, bus: string): Readonly<Record<string, unknown>> {
  return { driver: 'virtio-blk-pci', id: diskDeviceId(disk.uid), drive: diskNodeName(disk.uid), bus, serial: disk.uid.slice(0, 20) };
}

/** The names of the ports of a machine that starts with `disks` disks; the last one is the seed's. */
export function portNames(disks: number): readonly string[] {
  return Array.from({ length: Math.max(MIN_PORTS, disks + SPARE_PORTS) + 1 }, (_, index) => `rp${index + 1}`);
}

/** A value inside an option string, where a comma would begin the next option. */
export function escapeCommas(value: string): string {
  return value.replaceAll(',', ',,');
}

/** The kernel's arguments: the user's, and what the driver must add so that the log is seen and TCG guests do not hang. */
export function kernelArguments(cmdline: string, accelerator: 'kvm' | 'tcg'): string {
  const words = cmdline.split(' ').filter((word) => word !== '');
  const names = new Set(words.map((word) => word.split('=')[0]));
  const added = ['console=ttyS0', ...(accelerator === 'tcg' ? ['no_timer_check', 'tsc=reliable'] : [])];
  return [...words, ...added.filter((word) => !names.has(word.split('=')[0]))].join(' ');
}

function json(option: string, value: unknown): readonly string[] {
  return [option, JSON.stringify(value)];
}

function diskArguments(spec: MachineSpec, files: ResolvedFiles): readonly string[] {
  const ports = portNames(spec.disks.length);
  const lines = ports.map((id, index) =>
    json('-device', { driver: 'pcie-root-port', id, bus: 'pcie.0', chassis: index + 1, slot: index + 1 }),
  );
  for (const [index, disk] of spec.disks.entries()) {
    lines.push(json('-blockdev', diskNode(disk)));
    lines.push(json('-device', { ...diskDevice(disk, ports[index] ?? ''), ...(spec.boot === undefined ? { bootindex: index + 1 } : {}) }));
  }
  if (files.seed !== undefined) {
    const file = { driver: 'file', filename: files.seed, 'read-only': true };
    lines.push(json('-blockdev', { driver: 'raw', 'node-name': 'seed', 'read-only': true, file }));
    // The last port: behind every disk, so that a seed moves no disk's letter.
    lines.push(json('-device', { driver: 'virtio-blk-pci', id: 'seed', drive: 'seed', bus: ports.at(-1), serial: 'cidata' }));
  }
  return lines.flat();
}

function interfaceArguments(spec: MachineSpec): readonly string[] {
  return spec.interfaces.flatMap((nic, index) => [
    ...json('-netdev', { type: 'user', id: `net${index}` }),
    ...json('-device', { driver: 'virtio-net-pci', id: `nic${index}`, netdev: `net${index}`, mac: nic.mac, romfile: '' }),
  ]);
}

function controlArguments(folder: MachineFolder): readonly string[] {
  const monitors = folder.monitors.flatMap((path, index) => [
    '-chardev',
    `socket,id=qmp${index},path=${escapeCommas(path)},server=on,wait=off`,
    '-mon',
    `chardev=qmp${index},mode=control`,
  ]);
  const serial = `socket,id=ser0,path=${escapeCommas(folder.serialSocket)},server=on,wait=off,logfile=${escapeCommas(folder.serialLog)},logappend=on`;
  return ['-pidfile', folder.pidFile, ...monitors, '-chardev', serial, '-serial', 'chardev:ser0'];
}

function bootArguments(spec: MachineSpec, files: ResolvedFiles, accelerator: 'kvm' | 'tcg'): readonly string[] {
  if (spec.boot === undefined || files.kernel === undefined) return [];
  return [
    '-kernel',
    files.kernel,
    ...(files.initrd === undefined ? [] : ['-initrd', files.initrd]),
    '-append',
    kernelArguments(spec.boot.cmdline ?? '', accelerator),
  ];
}

/** The engine's whole command line for `spec`, which has been checked; pure. */
export function machineCommandLine(
  spec: MachineSpec,
  { folder, files, accelerator }: { readonly folder: MachineFolder; readonly files: ResolvedFiles; readonly accelerator: 'kvm' | 'tcg' },
): readonly string[] {
  return [
    ...['-name', `guest=${spec.owner.name}`, '-uuid', uuidOf(spec.owner.uid)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-M', MACHINE_TYPE],
    ...(accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', `tcg,tb-size=${TCG_BUFFER_MIB}`, '-cpu', 'max']),
    ...['-smp', String(spec.cpus), '-m', `${Math.ceil(spec.memoryBytes / MIB)}M`],
    // The engine may start no program, gain no right and use no obsolete call, whatever a guest makes it do.
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    // It stays after the guest's end, so that the reason is still there when nobody listened.
    ...['-no-shutdown', '-action', 'panic=pause', '-device', 'pvpanic-pci'],
    ...['-smbios', `type=1,manufacturer=Lenticular,product=VirtualMachine,serial=${spec.owner.name}`],
    ...json('-device', { driver: 'virtio-rng-pci', id: 'rng0' }),
    ...controlArguments(folder),
    ...diskArguments(spec, files),
    ...interfaceArguments(spec),
    ...bootArguments(spec, files, accelerator),
  ];
}
