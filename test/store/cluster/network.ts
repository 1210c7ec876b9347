import { run } from '../../cloud.ts';

const PREFIX = 'lent-net';
const NETWORKS = 200;

/** A bridge and a network namespace for each member, on this machine only. */
export interface Network {
  addressOf(member: number): string;
  namespaceOf(member: number): string;
  /** Takes a member off the network, or puts it back. */
  setConnected(member: number, connected: boolean): Promise<void>;
  /** Ends what still runs in the namespaces, and removes everything. */
  remove(): Promise<void>;
}

interface Bridge {
  readonly ifname: string;
  /** The pid of the process that made it: the only mark that a link can carry from the moment that it exists. */
  readonly group: string;
}

async function ip(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** Makes a network that no other process uses, after removing what processes that crashed left behind. */
export async function createNetwork(members: number): Promise<Network> {
  await removeOrphans(members);
  const at = await claim();
  const network = networkAt(at, members);
  try {
    for (let member = 0; member < members; member += 1) await join(at, network, member);
  } catch (error) {
    await network.remove();
    throw error;
  }
  return network;
}

/** Two runs on one machine may begin at the same time: whoever makes a bridge has its number. */
async function claim(): Promise<number> {
  for (let at = 0; at < NETWORKS; at += 1) {
    const { code } = await run('ip', ['link', 'add', bridgeOf(at), 'group', String(process.pid), 'type', 'bridge']);
    if (code !== 0) continue;
    await ip('addr', 'add', `10.79.${String(at)}.254/24`, 'dev', bridgeOf(at));
    await ip('link', 'set', bridgeOf(at), 'up');
    return at;
  }
  throw new Error('no bridge could be made');
}

async function removeOrphans(members: number): Promise<void> {
  const { stdout } = await run('ip', ['-json', 'link', 'show', 'type', 'bridge']);
  const bridges = JSON.parse(stdout === '' ? '[]' : stdout) as readonly Bridge[];
  for (const { ifname, group } of bridges)
    if (ifname.startsWith(PREFIX) && !isAlive(Number(group))) await networkAt(Number(ifname.slice(PREFIX.length)), members).remove();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bridgeOf(at: number): string {
  return `${PREFIX}${String(at)}`;
}

function linkOf(at: number, member: number): string {
  return `lent-${String(at)}-${String(member)}`;
}

function networkAt(at: number, members: number): Network {
  const namespaceOf = (member: number): string => `lent-member-${String(at)}-${String(member)}`;
  return {
    addressOf: (member) => `10.79.${String(at)}.${String(member + 1)}`,
    namespaceOf,
    setConnected: (member, connected) => ip('link', 'set', linkOf(at, member), connected ? 'up' : 'down'),
    remove: async () => {
      for (let member = 0; member < members; member += 1) {
        const { stdout } = await run('ip', ['netns', 'pids', namespaceOf(member)]);
        for (const pid of stdout.split('\n').filter((line) => line !== '')) await run('kill', ['-9', pid]);
        await run('ip', ['netns', 'del', namespaceOf(member)]);
        await run('ip', ['link', 'del', linkOf(at, member)]);
      }
      await run('ip', ['link', 'del', bridgeOf(at)]);
    },
  };
}

async function join(at: number, network: Network, member: number): Promise<void> {
  const namespace = network.namespaceOf(member);
  const link = linkOf(at, member);
  await ip('netns', 'add', namespace);
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('link', 'set', link, 'master', bridgeOf(at), 'up');
  await ip('-n', namespace, 'addr', 'add', `${network.addressOf(member)}/24`, 'dev', 'eth0');
  await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  await ip('-n', namespace, 'link', 'set', 'lo', 'up');
}
