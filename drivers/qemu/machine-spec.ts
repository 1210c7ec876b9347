import { DriverError } from '../contract/driver-error.ts';
import { checkMachineDisk, checkMachineSpec } from '../contract/machine-check.ts';
import type { MachineDisk, MachineInterface, MachineSpec } from '../contract/machine.ts';
import { fieldInvalid } from '../contract/names.ts';

/** Ports of the engine's one bus bound what can be plugged in. */
const MAX_DISKS = 20;

function capabilityMissing(field: string, capability: string): DriverError {
  return new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', `${field}: this driver does not have ${capability}`, {
    metadata: { field, capability },
  });
}

/** Throws INVALID_ARGUMENT/FIELD_INVALID (or UNIMPLEMENTED) unless this driver could open the disk; reads no file. */
export function checkDisk(field: string, disk: MachineDisk): void {
  checkMachineDisk(field, disk);
  const { protocol, attributes } = disk.connection;
  if (protocol !== 'file-qcow2') throw capabilityMissing(`${field}.connection.protocol`, `disk-protocol.${protocol}`);
  const path = attributes.path ?? '';
  if (!path.startsWith('/') || path.includes('\0') || path.length > 4096) {
    throw fieldInvalid(`${field}.connection.attributes.path`, 'must be an absolute path');
  }
}

function checkInterface(field: string, nic: MachineInterface, bridges: readonly string[]): void {
  if (nic.mode === 'user') return;
  if (!bridges.includes(nic.bridge ?? '')) {
    throw new DriverError('NOT_FOUND', 'BRIDGE_NOT_FOUND', `${field}.bridge: not among the bridges that the operator allows on this host`);
  }
  throw capabilityMissing(field, 'machine.interface.bridge');
}

/** Throws INVALID_ARGUMENT/FIELD_INVALID (or what the host lacks) unless the description can be made true here; looks at nothing but it. */
export function checkSpec(spec: MachineSpec, bridges: readonly string[]): void {
  checkMachineSpec('spec', spec);
  if (spec.disks.length > MAX_DISKS) throw fieldInvalid('spec.disks', `must have at most ${MAX_DISKS} entries`);
  spec.disks.forEach((disk, index) => checkDisk(`spec.disks[${index}]`, disk));
  spec.interfaces.forEach((nic, index) => checkInterface(`spec.interfaces[${index}]`, nic, bridges));
}

/** JSON with sorted keys: equal texts, equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}

const FIELDS = {
  cpus: (spec) => spec.cpus,
  memory: (spec) => spec.memoryBytes,
  boot: (spec) => spec.boot ?? null,
  disks: (spec) => spec.disks,
  interfaces: (spec) => spec.interfaces,
  userData: (spec) => spec.userData ?? null,
} as const satisfies Record<string, (spec: MachineSpec) => unknown>;

/** Names of the fields in which two descriptions differ, in the words of `pendingChanges`. */
export function changedFields(wanted: MachineSpec, running: MachineSpec): readonly string[] {
  return Object.entries(FIELDS)
    .filter(([, field]) => canonical(field(wanted)) !== canonical(field(running)))
    .map(([name]) => name);
}
