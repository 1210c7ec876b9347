import type { ApiObject } from '../../apis/meta/object.ts';
import { conditionsIn } from './judge.ts';

/** Something in the tree, with what stands below it. */
interface Node {
  readonly object: ApiObject;
  readonly label: string;
  readonly children: readonly Node[];
}

/** How a line is marked: ready, moving, wrong, or not known. */
export type Mark = 'ready' | 'moving' | 'wrong' | 'unknown';

export interface TreeLine {
  /** The branches before the label. */
  readonly stem: string;
  readonly label: string;
  readonly mark: Mark;
  /** Reason and message; empty for what is ready and has no more to say. */
  readonly note: string;
}

/** Objects of the kinds that the tree shows, by kind. */
export type Forest = Readonly<Record<'Zone' | 'Pod' | 'Host' | 'StoragePool' | 'Volume' | 'VirtualMachine', readonly ApiObject[]>>;

const NAMES: Readonly<Record<string, string>> = {
  Zone: 'zone',
  Pod: 'rack',
  Host: 'host',
  StoragePool: 'pool',
  Volume: 'volume',
  VirtualMachine: 'vm',
};

type Fields = Readonly<Record<string, unknown>>;

function at(object: ApiObject, ...path: readonly string[]): unknown {
  let value: unknown = object;
  for (const key of path) value = (value as Fields | undefined)?.[key];
  return value;
}

/** Finds those of `objects` that have a name at `path`, without a look at all of them each time. */
function grouped(objects: readonly ApiObject[], ...path: readonly string[]): (name: string) => readonly ApiObject[] {
  const groups = Map.groupBy(objects, (object) => at(object, ...path));
  return (name) => groups.get(name) ?? [];
}

/** Finds the volumes that a VM lists. */
function listed(volumes: readonly ApiObject[]): (vm: ApiObject) => readonly ApiObject[] {
  const groups = Map.groupBy(volumes, ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);
  return (vm) => {
    const disks = (at(vm, 'spec', 'disks') ?? []) as readonly { readonly volume: string }[];
    return disks.flatMap((disk) => groups.get(`${vm.metadata.namespace ?? ''}/${disk.volume}`) ?? []);
  };
}

/** What stands under what: zones, racks, hosts, then VMs and their volumes; pools under their scope; the rest at the end. Pure. */
export function treeLines(forest: Forest): readonly TreeLine[] {
  const seen = new Set<ApiObject>();
  const grow = (object: ApiObject, children: () => readonly Node[]): readonly Node[] => {
    if (seen.has(object)) return [];
    seen.add(object);
    const { namespace, name } = object.metadata;
    const label = `${NAMES[object.kind] ?? object.kind} ${namespace === undefined || namespace === 'default' ? '' : `${namespace}/`}${name}`;
    return [{ object, label, children: children() }];
  };
  const unclaimed = forest.Volume.filter((one) => at(one, 'status', 'claim') === undefined);
  const volumesIn = grouped(unclaimed, 'status', 'pool');
  const volumesOf = listed(forest.Volume);
  const machinesOn = grouped(forest.VirtualMachine, 'status', 'host');
  const hostsIn = grouped(forest.Host, 'spec', 'pod');
  const podsIn = grouped(forest.Pod, 'spec', 'zone');
  const pools = {
    zone: grouped(forest.StoragePool, 'spec', 'scope', 'zone'),
    pod: grouped(forest.StoragePool, 'spec', 'scope', 'pod'),
    host: grouped(forest.StoragePool, 'spec', 'scope', 'host'),
  };
  const nameOf = ({ metadata }: ApiObject): string => metadata.name;
  const volume = (object: ApiObject): readonly Node[] => grow(object, () => []);
  const machine = (object: ApiObject): readonly Node[] => grow(object, () => volumesOf(object).flatMap(volume));
  const pool = (object: ApiObject): readonly Node[] => grow(object, () => volumesIn(nameOf(object)).flatMap(volume));
  const host = (object: ApiObject): readonly Node[] =>
    grow(object, () => [...machinesOn(nameOf(object)).flatMap(machine), ...pools.host(nameOf(object)).flatMap(pool)]);
  const pod = (object: ApiObject): readonly Node[] =>
    grow(object, () => [...hostsIn(nameOf(object)).flatMap(host), ...pools.pod(nameOf(object)).flatMap(pool)]);
  const zone = (object: ApiObject): readonly Node[] =>
    grow(object, () => [...podsIn(nameOf(object)).flatMap(pod), ...pools.zone(nameOf(object)).flatMap(pool)]);
  const roots = [
    ...forest.Zone.flatMap(zone),
    ...forest.Pod.flatMap(pod),
    ...forest.Host.flatMap(host),
    ...forest.StoragePool.flatMap(pool),
    ...forest.VirtualMachine.flatMap(machine),
    ...forest.Volume.flatMap(volume),
  ];
  return roots.flatMap((root) => [line(root, ''), ...below(root, '')]);
}

function below({ children }: Node, stem: string): readonly TreeLine[] {
  return children.flatMap((child, index) => {
    const last = index === children.length - 1;
    return [line(child, `${stem}${last ? '└─ ' : '├─ '}`), ...below(child, `${stem}${last ? '   ' : '│  '}`)];
  });
}

function line({ object, label }: Node, stem: string): TreeLine {
  const conditions = conditionsIn(object);
  const ready = conditions.find(({ type }) => type === 'Ready');
  const stalled = conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');
  const mark: Mark = stalled ? 'wrong' : ready?.status === 'True' ? 'ready' : ready?.status === 'False' ? 'moving' : 'unknown';
  const quiet = mark === 'ready' && ready?.reason === 'AsDeclared';
  const message = ready?.message === undefined || ready.message === '' || quiet ? '' : `: ${ready.message}`;
  return { stem, label, mark, note: ready === undefined || quiet ? '' : `${ready.reason ?? ''}${message}` };
}
