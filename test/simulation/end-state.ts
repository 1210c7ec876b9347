import type { ApiObject } from '../../apis/meta/object.ts';
import { describeWorld } from '../../drivers/sim/guests.ts';
import type { SimDriver } from '../../drivers/sim/driver.ts';
import type { Store } from '../../server/store/store.ts';

/** What a run came to, such that two runs of one scenario can be compared: no times, no versions, no epochs, names in place of uids. */
export interface EndState {
  /** By `Kind namespace/name`. */
  readonly objects: Readonly<Record<string, string>>;
  /** By `machine HOST/NAME` and `disk POOL/NAME`. */
  readonly things: Readonly<Record<string, string>>;
  /** Machines and disks that no object owns. */
  readonly leaked: readonly string[];
  readonly names: ReadonlyMap<string, string>;
}

const MOMENTARY = new Set([
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'lastTransitionTime',
  'managedFields',
  'bootId',
  'instance',
  'epoch',
  'holder',
  'placementEpoch',
  'generation',
  'operation',
]);
const LEFT_OUT = new Set(['Lease', 'Event']);

/** The same value with its fields in order, and without those of a moment. */
function lasting(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lasting);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => !MOMENTARY.has(name));
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, inner]) => [name, lasting(inner)]));
}

/** The names of objects in place of their uids, and one address in place of what is made from a uid. */
function renamed(value: unknown, names: ReadonlyMap<string, string>): string {
  return named(JSON.stringify(lasting(value)), names);
}

function named(text: string, names: ReadonlyMap<string, string>): string {
  return text
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uid) => names.get(uid) ?? 'nobody')
    .replace(/"0[26ae](:[0-9a-f]{2}){5}"/g, '"MAC"')
    .replace(/"198\.\d+\.\d+\.\d+"/g, '"ADDRESS"');
}

interface Thing {
  readonly id: string;
  readonly owner?: { readonly uid: string };
  readonly [field: string]: unknown;
}

interface DescribedWorld {
  readonly hosts: readonly { readonly uid: string; readonly off?: boolean; readonly machines: readonly Thing[] }[];
  readonly pools: readonly { readonly uid: string; readonly disks: readonly Thing[] }[];
}

/** Whether the VM of this uid has its place on another host than the one of this name. */
function isElsewhere(objects: readonly ApiObject[], uid: string | undefined, host: string | undefined): boolean {
  const vm = objects.find(({ kind, metadata }) => kind === 'VirtualMachine' && metadata.uid === uid);
  const { host: place } = (vm?.status ?? {}) as { readonly host?: string };
  return place !== undefined && `Host /${place}` !== host;
}

/** Reads everything as it is now. */
export async function endStateOf(store: Store, sim: SimDriver, signal: AbortSignal): Promise<EndState> {
  const stored = await store.list('', signal);
  const objects = stored.objects
    .map(({ value }) => JSON.parse(value) as ApiObject)
    // Not everything that is stored is an object: see server/registry/freshness.ts.
    .filter((object) => 'kind' in object && !LEFT_OUT.has(object.kind));
  const keyOf = ({ kind, metadata }: ApiObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const names = new Map(objects.map((object) => [object.metadata.uid, keyOf(object)]));
  const world = describeWorld(sim.sim) as DescribedWorld;
  const things = [
    ...world.hosts.flatMap(({ uid, machines }) => machines.map((thing) => ({ place: `machine ${uid}`, thing }))),
    ...world.pools.flatMap(({ uid, disks }) => disks.map((thing) => ({ place: `disk ${uid}`, thing }))),
  ];
  return {
    names,
    objects: Object.fromEntries(objects.map((object) => [keyOf(object), renamed(object, names)])),
    things: Object.fromEntries(things.map(({ place, thing }) => [named(`${place} ${thing.id}`, names), renamed(thing, names)])),
    leaked: [
      ...things
        .filter(({ thing }) => thing.released !== true && !names.has(thing.owner?.uid ?? ''))
        .map(({ place, thing }) => named(`${place} ${thing.id}`, names)),
      ...world.hosts.flatMap(({ uid, off, machines }) => {
        const old = machines.filter(({ owner }) => off !== true && isElsewhere(objects, owner?.uid, names.get(uid)));
        return old.map(({ id }) => named(`old copy on ${uid} of ${id}`, names));
      }),
    ],
  };
}

/** How two runs differ, a line each. */
export function differencesOf(expected: EndState, found: EndState): readonly string[] {
  return (['objects', 'things'] as const).flatMap((what) => {
    const keys = [...new Set([...Object.keys(expected[what]), ...Object.keys(found[what])])];
    return keys.flatMap((key) => {
      const [should, is] = [expected[what][key], found[what][key]];
      return should === is ? [] : [`${key} should be ${should ?? 'absent'} and is ${is ?? 'absent'}`];
    });
  });
}

interface Declared {
  readonly spec: object;
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly powerState?: string;
    readonly size?: string;
  };
}

interface Held {
  readonly power?: string;
  readonly disks?: readonly { readonly name: string }[];
  readonly sizeBytes?: number;
}

/** What of an end state does not hang on who came first: which host, which changes wait for a restart, whether what stands still was ever made. */
export function timeless({ objects, things, ...rest }: EndState): EndState {
  const kept = Object.entries(objects).flatMap(([key, text]) => {
    if (!/^(VirtualMachine|Volume) /.test(key)) return [];
    const { spec, status } = JSON.parse(text) as Declared;
    const ready = status.conditions.find(({ type }) => type === 'Ready')?.status;
    return [[key, JSON.stringify({ spec, runs: status.powerState === 'Running', size: status.size, ready })] as const];
  });
  const placeless = Object.entries(things).flatMap(([key, text]) => {
    const { power, disks, sizeBytes } = JSON.parse(text) as Held;
    if (power === 'stopped') return [];
    const held = disks?.map(({ name }) => name).toSorted();
    return [[key.replace(/Host \/host-\d/, 'a host'), JSON.stringify({ power, held, sizeBytes })] as const];
  });
  return { ...rest, objects: Object.fromEntries(kept), things: Object.fromEntries(placeless) };
}
