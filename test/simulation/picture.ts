import type { SimDriver } from '../../drivers/sim/driver.ts';
import { hostDoc, hostDocs, type DiskDoc, type MachineDoc } from '../../drivers/sim/documents.ts';
import { settled } from '../../drivers/sim/machine-state.ts';

/** A machine as it is at one moment. */
export interface SeenMachine {
  /** Uid of its host. */
  readonly place: string;
  readonly uid: string;
  readonly running: boolean;
  readonly stopping: boolean;
  readonly placementEpoch: number;
  /** Uids of the disks that it runs with. */
  readonly holds: readonly string[];
}

/** The machines and disks of the world at one moment, by place and uid, and the hosts by uid. */
export interface Picture {
  readonly machines: ReadonlyMap<string, SeenMachine>;
  /** The ids of the hosts that each disk is published to, by its uid. */
  readonly disks: ReadonlyMap<string, readonly string[]>;
  readonly hosts: ReadonlyMap<string, { readonly id: string; readonly off: boolean }>;
}

/** One effect on the world. */
export interface Change {
  readonly do: 'create' | 'start' | 'stop' | 'delete' | 'switch off';
  readonly what: 'machine' | 'disk' | 'host';
  readonly uid: string;
  /** Uid of the machine's host; empty for what is not on one. */
  readonly place: string;
}

/** Looks at the world. */
export function pictureOf({ sim }: SimDriver): Picture {
  const nowMs = sim.clock.now();
  const machines = sim.world.all('machines').map(({ place, uid, doc }): [string, SeenMachine] => {
    const { active, stop, seen } = settled(doc as MachineDoc, hostDoc(sim.world, place) ?? {}, nowMs);
    const running = active !== undefined;
    const holds = active?.disks.map((disk) => disk.uid) ?? [];
    const { placementEpoch } = seen;
    return [`${place}/${uid}`, { place, uid, running, stopping: running && stop !== undefined, placementEpoch, holds }];
  });
  return {
    machines: new Map(machines),
    disks: new Map(sim.world.all('disks').map(({ doc }) => [(doc as DiskDoc).id, (doc as DiskDoc).publishedTo])),
    hosts: new Map(hostDocs(sim.world).map(({ uid, hostId, off }) => [uid, { id: hostId, off: off === true }])),
  };
}

/** What happened between two looks. */
export function changesBetween(before: Picture, after: Picture): readonly Change[] {
  const changes: Change[] = [];
  const machine = (did: Change['do'], { uid, place }: SeenMachine): void => void changes.push({ do: did, what: 'machine', uid, place });
  for (const [key, now] of after.machines) {
    const was = before.machines.get(key);
    if (was === undefined) machine('create', now);
    if (now.running && was?.running !== true) machine('start', now);
    if (was?.running === true && !was.stopping && (now.stopping || !now.running)) machine('stop', now);
  }
  for (const [key, was] of before.machines) {
    if (after.machines.has(key)) continue;
    if (was.running) machine('stop', was);
    machine('delete', was);
  }
  for (const uid of after.disks.keys()) if (!before.disks.has(uid)) changes.push({ do: 'create', what: 'disk', uid, place: '' });
  for (const uid of before.disks.keys()) if (!after.disks.has(uid)) changes.push({ do: 'delete', what: 'disk', uid, place: '' });
  for (const [uid, { off }] of after.hosts) {
    if (off && before.hosts.get(uid)?.off === false) changes.push({ do: 'switch off', what: 'host', uid, place: uid });
  }
  return changes;
}
