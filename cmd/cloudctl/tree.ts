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
  const volume = (object: ApiObject): readonly Node[] => grow(object, () => []);
  const volumesOf = (vm: ApiObject): readonly Node[] => {
    const names = ((at(vm, 'spec', 'disks') ?? []) as readonly { readonly volume: string }[]).map((disk) => disk.volume);
    return forest.Volume.filter(({ metadata }) => metadata.namespace === vm.metadata.namespace && names.includes(metadata.name)).flatMap(
      volume,
    );
  };
  const machine = (object: ApiObject): readonly Node[] => grow(object, () => volumesOf(object));
  const pool = (object: ApiObject): readonly Node[] =>
    grow(object, () =>
      forest.Volume.filter((one) => at(one, 'status', 'pool') === object.metadata.name && at(one, 'status', 'claim') === undefined).flatMap(
        volume,
      ),
    );
  const poolsOf = (scope: string, name: string): readonly Node[] =>
    forest.StoragePool.filter((one) => at(one, 'spec', 'scope', scope) === name).flatMap(pool);
  const host = (object: ApiObject): readonly Node[] =>
    grow(object, () => [
      ...forest.VirtualMachine.filter((vm) => at(vm, 'status', 'host') === object.metadata.name).flatMap(machine),
      ...poolsOf('host', object.metadata.name),
    ]);
  const pod = (object: ApiObject): readonly Node[] =>
    grow(object, () => [
      ...forest.Host.filter((one) => at(one, 'spec', 'pod') === object.metadata.name).flatMap(host),
      ...poolsOf('pod', object.metadata.name),
    ]);
  const zone = (object: ApiObject): readonly Node[] =>
    grow(object, () => [
      ...forest.Pod.filter((one) => at(one, 'spec', 'zone') === object.metadata.name).flatMap(pod),
      ...poolsOf('zone', object.metadata.name),
    ]);
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
