import { run } from '../../cloud.ts';

/** The bridge between the members and this machine; its name and those below are ours alone. */
const BRIDGE = 'lent-br0';
const NAMESPACE = 'lent-etcd-';

/** Where members listen; the network exists on this machine only, while a cluster runs. */
export function addressOf(member: number): string {
  return `10.77.0.${String(member + 1)}`;
}

/** The network namespace of a member. */
export function namespaceOf(member: number): string {
  return `${NAMESPACE}${String(member)}`;
}

function linkOf(member: number): string {
  return `lent-veth${String(member)}`;
}

async function ip(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** Makes a bridge and a namespace for each member, after removing what a run that crashed left behind. */
export async function createNetwork(members: number): Promise<void> {
  await removeNetwork(members);
  await ip('link', 'add', BRIDGE, 'type', 'bridge');
  await ip('addr', 'add', '10.77.0.254/24', 'dev', BRIDGE);
  await ip('link', 'set', BRIDGE, 'up');
  for (let member = 0; member < members; member += 1) {
    const namespace = namespaceOf(member);
    await ip('netns', 'add', namespace);
    await ip('link', 'add', linkOf(member), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('link', 'set', linkOf(member), 'master', BRIDGE, 'up');
    await ip('-n', namespace, 'addr', 'add', `${addressOf(member)}/24`, 'dev', 'eth0');
    await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
}

/** Takes a member off the network, or puts it back. */
export function setConnected(member: number, connected: boolean): Promise<void> {
  return ip('link', 'set', linkOf(member), connected ? 'up' : 'down');
}

/** Ends what still runs in the members' namespaces, and removes everything. */
export async function removeNetwork(members: number): Promise<void> {
  for (let member = 0; member < members; member += 1) {
    const namespace = namespaceOf(member);
    const { stdout } = await run('ip', ['netns', 'pids', namespace]);
    for (const pid of stdout.split('\n').filter((line) => line !== '')) await run('kill', ['-9', pid]);
    await run('ip', ['netns', 'del', namespace]);
    await run('ip', ['link', 'del', linkOf(member)]);
  }
  await run('ip', ['link', 'del', BRIDGE]);
}
