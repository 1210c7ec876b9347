import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { describe, describedDisk } from './describe.ts';
import type { DescribedDisk, VmFacts, VmStep } from './facts.ts';
import type { Conclusion } from './say.ts';

/** How the disks of a machine differ from what is declared and can be attached now. */
export interface DiskChanges {
  /** Declared, and attachable or attached already: what the machine is described with. */
  readonly wanted: readonly DescribedDisk[];
  readonly missing: readonly DescribedDisk[];
  /** Uids of attached disks that are no longer declared. A declared disk whose volume is not known is never one of them. */
  readonly extra: readonly string[];
  /** A disk that is attached, but whose pool takes no call now: the machine cannot be described anew. */
  readonly frozen: boolean;
}

/** Compares the disks of a machine with the declared ones. */
export function diskChanges({ disks }: VmFacts, machine: Pick<Machine, 'disks'>): DiskChanges {
  const attached = new Set(machine.disks.map(({ uid }) => uid));
  const known = disks.flatMap((fact) => {
    const described = describedDisk(fact);
    return described === undefined ? [] : [{ described, blocked: fact.blocked !== undefined, there: attached.has(described.uid) }];
  });
  const wanted = known.filter(({ blocked, there }) => !blocked || there);
  const declared = new Map(disks.map(({ name, uid }) => [name, uid]));
  return {
    wanted: wanted.map(({ described }) => described),
    missing: wanted.filter(({ there }) => !there).map(({ described }) => described),
    extra: machine.disks.filter(({ name, uid }) => !declared.has(name) || (declared.get(name) ?? uid) !== uid).map(({ uid }) => uid),
    frozen: known.some(({ blocked, there }) => blocked && there),
  };
}

/** What to say while a disk cannot be attached; undefined: all can. */
export function waitForDisks({ disks }: VmFacts): Conclusion | undefined {
  const [first] = disks.flatMap(({ blocked }) => blocked ?? []);
  return first === undefined ? undefined : { status: 'False', ...first };
}

/** Tells the host's driver all about the machine; no step where the host's id is not known. */
export function ensureMachine(vm: VirtualMachine, { host }: VmFacts, disks: readonly DescribedDisk[]): readonly VmStep[] {
  const hostId = host?.hostId;
  return hostId === undefined ? [] : [{ do: 'ensure-machine', hostId, description: describe(vm, disks) }];
}

/** Describes a machine for no other reason than that its host hears which disks are let go: calls that are still under way are refused then. */
export function tellLetGo(vm: VirtualMachine, facts: VmFacts, machine: Machine | undefined): readonly VmStep[] {
  if (facts.letsGo !== true || (machine !== undefined && !isOutdated(vm, machine))) return [];
  const { wanted, frozen } = diskChanges(facts, machine ?? { disks: [] });
  return frozen ? [] : ensureMachine(vm, facts, wanted);
}

/** Whether the driver has heard of what is declared now. */
export function isOutdated({ metadata, status }: VirtualMachine, { generation, placementEpoch }: Machine): boolean {
  return generation < metadata.generation || placementEpoch < (status.placementEpoch ?? 0);
}
