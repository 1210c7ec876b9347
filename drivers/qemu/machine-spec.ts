import { DriverError } from '../contract/driver-error.ts';
import { checkMachineDisk, checkMachineSpec } from '../contract/machine-check.ts';
import type { MachineDisk, MachineSpec } from '../contract/machine.ts';
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
  if (protocol !== 'file-qcow2') throw fieldInvalid(`${field}.connection.protocol`, 'must be file-qcow2: this driver opens nothing else');
  const path = attributes.path ?? '';
  if (!path.startsWith('/') || path.includes('\0') || path.length > 4096) {
    throw fieldInvalid(`${field}.connection.attributes.path`, 'must be an absolute path');
  }
}

/** Throws INVALID_ARGUMENT/FIELD_INVALID (or UNIMPLEMENTED) unless the description can be made true here; looks at nothing but it. */
export function checkSpec(spec: MachineSpec): void {
  checkMachineSpec('spec', spec);
  if (spec.disks.length > MAX_DISKS) throw fieldInvalid('spec.disks', `must have at most ${MAX_DISKS} entries`);
  spec.disks.forEach((disk, index) => checkDisk(`spec.disks[${index}]`, disk));
  spec.interfaces.forEach((nic, index) => {
    if (nic.mode !== 'user') throw capabilityMissing(`spec.interfaces[${index}].mode`, 'machine.interface.bridge');
  });
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
