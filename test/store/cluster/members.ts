import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEtcdClient } from '../../../server/store/etcd-client.ts';
import { eventually } from '../../cloud.ts';
import { pathOf } from '../../prerequisites.ts';
import { realClock } from '../../programs/clock.ts';
import { createNetwork, type Network } from './network.ts';

const MEMBERS = 3;

/** An etcd of three members, each in a network namespace of its own. */
export interface Cluster {
  readonly endpoints: readonly string[];
  /** The member that leads; waits until one does. */
  leader(): Promise<number>;
  kill(member: number): Promise<void>;
  start(member: number): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(member: number): void;
  resume(member: number): void;
  setConnected(member: number, connected: boolean): Promise<void>;
  defragment(member: number): Promise<void>;
  /** Forgets everything before now, where `every` revisions have come since the last time; whether it did. */
  compact(every: bigint): Promise<boolean>;
  /** Kills all members and removes the network and the data. */
  end(): Promise<void>;
}

/** Starts the members and waits until they answer. */
export async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'etcd-cluster-'));
  const children: (ChildProcess | undefined)[] = [];
  const members = Array.from({ length: MEMBERS }, (_, member) => member);
  const network = await createNetwork(MEMBERS);
  const urls = members.map((member) => clientUrl(network, member));
  let compacted = 0n;

  function start(member: number): Promise<void> {
    const child = spawn(
      pathOf('ip'),
      ['netns', 'exec', network.namespaceOf(member), pathOf('etcd'), ...flagsOf(network, member, directory)],
      {
        stdio: 'ignore',
      },
    );
    children[member] = child;
    return once(child, 'spawn').then(() => undefined);
  }
  async function kill(member: number): Promise<void> {
    const child = children[member];
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  async function end(): Promise<void> {
    await Promise.all(members.map(kill));
    await network.remove();
    await rm(directory, { recursive: true, force: true });
  }
  async function compact(every: bigint): Promise<boolean> {
    const client = createEtcdClient({ endpoints: urls, clock: realClock });
    try {
      const { header } = await client.read((kv, call) => kv.range({ key: Buffer.from('x') }, call));
      if (BigInt(header.revision) < compacted + every) return false;
      await client.read((kv, call) => kv.compact({ revision: header.revision }, call));
      compacted = BigInt(header.revision);
      return true;
    } finally {
      client.close();
    }
  }

  try {
    await Promise.all(members.map(start));
    await eventually('the cluster answers', 30_000, () =>
      compact(2n ** 60n).then(
        () => true,
        () => undefined,
      ),
    );
  } catch (error) {
    await end();
    throw error;
  }
  return {
    endpoints: urls,
    leader: () => eventually('a member leads', 30_000, () => leaderOf(urls)),
    kill,
    start,
    pause: (member) => void children[member]?.kill('SIGSTOP'),
    resume: (member) => void children[member]?.kill('SIGCONT'),
    setConnected: (member, connected) => network.setConnected(member, connected),
    defragment: async (member) => {
      await post(clientUrl(network, member), '/v3/maintenance/defragment');
    },
    compact,
    end,
  };
}

function clientUrl(network: Network, member: number): string {
  return `http://${network.addressOf(member)}:2379`;
}

function flagsOf(network: Network, member: number, directory: string): readonly string[] {
  const peerUrl = (each: number): string => `http://${network.addressOf(each)}:2380`;
  const name = (each: number): string => `m${String(each)}`;
  const peers = Array.from({ length: MEMBERS }, (_, each) => `${name(each)}=${peerUrl(each)}`);
  return [
    ...['--name', name(member), '--data-dir', join(directory, name(member)), '--log-level', 'fatal'],
    ...['--listen-client-urls', clientUrl(network, member), '--advertise-client-urls', clientUrl(network, member)],
    ...['--listen-peer-urls', peerUrl(member), '--initial-advertise-peer-urls', peerUrl(member)],
    ...['--initial-cluster', peers.join(',')],
    // So small that a member that was away catches up by a snapshot at times.
    ...['--snapshot-count', '500'],
  ];
}

/** etcd's gateway from gRPC to JSON; undefined where the member does not answer. */
async function post(url: string, path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const answer = await fetch(url + path, { method: 'POST', body: '{}', signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  return answer?.ok === true ? ((await answer.json()) as Readonly<Record<string, unknown>>) : undefined;
}

async function leaderOf(urls: readonly string[]): Promise<number | undefined> {
  for (const [member, url] of urls.entries()) {
    const status = await post(url, '/v3/maintenance/status');
    const own = (status?.header as { readonly member_id?: string } | undefined)?.member_id;
    if (status !== undefined && own === status.leader) return member;
  }
  return undefined;
}
