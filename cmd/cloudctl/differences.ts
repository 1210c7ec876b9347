import type { ApiObject } from '../../apis/meta/object.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { conditionsIn, type Condition } from './judge.ts';
import type { Forest } from './tree.ts';

/** One way in which devices are not as the API declares, or in which nobody can tell whether they are. */
export interface Difference {
  readonly what:
    | 'missing'
    | 'orphan'
    | 'foreign'
    | 'released'
    | 'drifted'
    | 'wrong place'
    | 'wrong power'
    | 'wrong size'
    /** Its device does not answer. */
    | 'unknown'
    /** It changed, and no controller has looked at it since. */
    | 'not seen'
    | 'leaving'
    /** Something else is not as declared. */
    | 'not ready';
  readonly object: string;
  readonly message: string;
}

/** A thing on a device that nobody manages, and the Host or StoragePool that lists it. */
export interface Unmanaged {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly why: 'orphan' | 'foreign' | 'released';
  readonly device: ApiObject;
}

interface Spec {
  readonly running?: boolean;
  readonly size?: string | number;
}

interface Status {
  readonly observedGeneration?: number;
  readonly unmanaged?: readonly Omit<Unmanaged, 'device'>[];
  readonly machines?: number;
  readonly host?: string;
  readonly machineId?: string;
  readonly powerState?: string;
  readonly volumeId?: string;
  readonly size?: string | number;
}

/** Drivers round sizes up to their blocks: that is no larger disk. */
const ROUNDING_BYTES = 2 ** 20;

const specOf = ({ spec }: ApiObject): Spec => spec ?? {};
const statusOf = ({ status }: ApiObject): Status => status ?? {};

/** How a difference names an object: `Host host-1`, `Volume default/data-1`. */
export function nameOf({ kind, metadata }: ApiObject): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}

/** All that hosts and pools list as unmanaged. */
export function unmanagedIn({ Host, StoragePool }: Pick<Forest, 'Host' | 'StoragePool'>): readonly Unmanaged[] {
  return [...Host, ...StoragePool].flatMap((device) => (statusOf(device).unmanaged ?? []).map((thing) => ({ ...thing, device })));
}

/** What stands between an object and any judgement of its device: it leaves, was not looked at, or is not known. */
function undecided(object: ApiObject, ready: Condition | undefined): Difference['what'] | undefined {
  if (object.metadata.deletionTimestamp !== undefined) return 'leaving';
  if (ready === undefined || (statusOf(object).observedGeneration ?? 0) < object.metadata.generation) return 'not seen';
  return ready.status === 'Unknown' ? 'unknown' : undefined;
}

function machineDiffers(vm: ApiObject, ready: Condition): Difference['what'] | undefined {
  const { machineId, powerState } = statusOf(vm);
  if (ready.reason === 'Drifted') return 'drifted';
  if (specOf(vm).running === false) return machineId === undefined || powerState === 'Stopped' ? undefined : 'wrong power';
  if (machineId === undefined) return 'missing';
  return powerState === 'Running' || (ready.status === 'True' && ready.reason === 'GuestShutdown') ? undefined : 'wrong power';
}

function diskDiffers(volume: ApiObject, ready: Condition): Difference['what'] | undefined {
  const { volumeId, size } = statusOf(volume);
  if (volumeId === undefined || ready.reason === 'Missing') return 'missing';
  return Math.abs(bytesOf(size ?? 0) - bytesOf(specOf(volume).size ?? 0)) >= ROUNDING_BYTES ? 'wrong size' : undefined;
}

function ownDifference(object: ApiObject, differs: typeof machineDiffers): readonly Difference[] {
  const ready = conditionsIn(object).find(({ type }) => type === 'Ready');
  const decided = undecided(object, ready) ?? (ready === undefined ? undefined : differs(object, ready));
  const what = decided ?? (ready?.status === 'True' ? undefined : 'not ready');
  return what === undefined ? [] : [{ what, object: nameOf(object), message: ready?.message ?? '' }];
}

/** A host that holds more or fewer machines of ours than the objects say: a copy is where it should not be, or the other way round. */
function misplaced(host: ApiObject, { VirtualMachine }: Forest): readonly Difference[] {
  const { machines, unmanaged = [] } = statusOf(host);
  const orphans = unmanaged.filter(({ why }) => why === 'orphan').length;
  const placed = VirtualMachine.filter((vm) => statusOf(vm).host === host.metadata.name && statusOf(vm).machineId !== undefined).length;
  if (machines === undefined || machines === placed + orphans) return [];
  const message = `it has ${machines} machines of ours: ${placed} of virtual machines that are placed here, and ${orphans} orphans`;
  return [{ what: 'wrong place', object: nameOf(host), message }];
}

/** How what drivers list differs from what is declared, as the objects tell; nothing: it is all as declared. Pure. */
export function differencesIn(forest: Forest): readonly Difference[] {
  const unmanaged = unmanagedIn(forest).map(({ kind, id, name, why, device }): Difference => {
    return { what: why, object: `${kind} ${id}`, message: `${name === id ? '' : `${name}, `}on ${nameOf(device)}` };
  });
  const found = [
    ...[...forest.Host, ...forest.StoragePool].flatMap((device) => ownDifference(device, () => undefined)),
    ...forest.Host.flatMap((host) => misplaced(host, forest)),
    ...unmanaged,
    ...forest.VirtualMachine.flatMap((vm) => ownDifference(vm, machineDiffers)),
    ...forest.Volume.flatMap((volume) => ownDifference(volume, diskDiffers)),
  ];
  return found;
}
