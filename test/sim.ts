import { join } from 'node:path';
import { simControl, type SimCommand } from '../drivers/sim/control-client.ts';
import type { Cloud } from './cloud.ts';

/** What the simulated data centre holds, as far as tests look. */
export interface SimWorld {
  readonly hosts: readonly {
    readonly uid: string;
    readonly name: string;
    readonly machines: readonly { readonly id: string; readonly power: string }[];
  }[];
  readonly pools: readonly { readonly uid: string; readonly disks: readonly { readonly id: string }[] }[];
}

/** Sends a command to the sim driver of a cloud. */
export function sim(cloud: Cloud, command: SimCommand): Promise<unknown> {
  return simControl(join(cloud.dataDir, 'drivers', 'sim'), command, AbortSignal.timeout(5_000));
}

/** How often each mutating call was made since the world began. */
export async function simCalls(cloud: Cloud): Promise<Readonly<Record<string, number>>> {
  return (await sim(cloud, { do: 'calls' })) as Readonly<Record<string, number>>;
}

export async function simWorld(cloud: Cloud): Promise<SimWorld> {
  return (await sim(cloud, { do: 'world' })) as SimWorld;
}

/** Ids of everything that hosts and pools hold. */
export async function simThings(cloud: Cloud): Promise<readonly string[]> {
  const { hosts, pools } = await simWorld(cloud);
  return [...hosts.flatMap(({ machines }) => machines.map(({ id }) => id)), ...pools.flatMap(({ disks }) => disks.map(({ id }) => id))];
}
