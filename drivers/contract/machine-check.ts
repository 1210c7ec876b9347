import type { MachineDisk, MachineInterface, MachineSpec } from './machine.ts';
import { checkBareName, checkBytes, checkCount, checkOwner, checkPartName, checkUid, fieldInvalid } from './names.ts';

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const PRINTABLE = /^[ -~]*$/;
const MEBIBYTE = 2 ** 20;

function checkUnique(field: string, values: readonly string[]): void {
  values.forEach((value, index) => {
    if (values.indexOf(value) !== index) throw fieldInvalid(`${field}[${index}]`, `repeats ${JSON.stringify(value)}`);
  });
}

/** Throws unless a disk of a machine has a proper name, uid and connection. */
export function checkMachineDisk(field: string, disk: MachineDisk): void {
  checkPartName(`${field}.name`, disk.name);
  checkUid(`${field}.uid`, disk.uid);
  checkBareName(`${field}.connection.protocol`, disk.connection.protocol, 63);
}

function checkInterface(field: string, nic: MachineInterface): void {
  checkPartName(`${field}.name`, nic.name);
  if (!MAC.test(nic.mac)) throw fieldInvalid(`${field}.mac`, 'must be six lower-case hexadecimal pairs with colons');
  if (nic.mode === 'bridge') checkBareName(`${field}.bridge`, nic.bridge ?? '', 15);
  else if (nic.bridge !== undefined) throw fieldInvalid(`${field}.bridge`, 'is only for mode bridge');
}

/** Throws INVALID_ARGUMENT/FIELD_INVALID, with the field, unless a description may reach an engine: names bare, sizes bounded, parts unique. */
export function checkMachineSpec(field: string, spec: MachineSpec): void {
  checkOwner(`${field}.owner`, spec.owner);
  checkCount(`${field}.cpus`, spec.cpus, 1, 512);
  checkBytes(`${field}.memoryBytes`, spec.memoryBytes, MEBIBYTE);
  if (spec.boot !== undefined) {
    checkBareName(`${field}.boot.kernel`, spec.boot.kernel);
    if (spec.boot.initrd !== undefined) checkBareName(`${field}.boot.initrd`, spec.boot.initrd);
    const cmdline = spec.boot.cmdline ?? '';
    if (cmdline.length > 2048 || !PRINTABLE.test(cmdline)) {
      throw fieldInvalid(`${field}.boot.cmdline`, 'must be at most 2048 printable ASCII characters');
    }
  }
  if (spec.disks.length > 24) throw fieldInvalid(`${field}.disks`, 'must have at most 24 entries');
  if (spec.interfaces.length > 8) throw fieldInvalid(`${field}.interfaces`, 'must have at most 8 entries');
  spec.disks.forEach((disk, index) => checkMachineDisk(`${field}.disks[${index}]`, disk));
  spec.interfaces.forEach((nic, index) => checkInterface(`${field}.interfaces[${index}]`, nic));
  checkUnique(
    `${field}.disks`,
    spec.disks.map(({ name }) => name),
  );
  checkUnique(
    `${field}.disks`,
    spec.disks.map(({ uid }) => uid),
  );
  checkUnique(
    `${field}.interfaces`,
    spec.interfaces.map(({ name }) => name),
  );
  if ((spec.userData ?? '').length > 65_536) throw fieldInvalid(`${field}.userData`, 'must have at most 65536 characters');
}
