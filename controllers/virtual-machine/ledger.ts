import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { selects } from '../../apis/meta/selector.ts';
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import { indexView } from '../../client/view-index.ts';
import { declaredAnew } from '../runtime/trigger.ts';
import { createNeighbourIndex } from './ledger-neighbours.ts';
import type { NeighbourIndex } from './ledger-neighbours.ts';
import { isVerified } from './plan/verified.ts';
import { createZoneRoom } from './ledger-zone.ts';
import type { Place, ZoneRoom } from './ledger-zone.ts';
import { schedule } from './schedule.ts';
import type { PlacedMachine, PlacementRequest, Room } from './schedule-facts.ts';
import { filterOf } from './schedule-filter.ts';
import { roomOf } from './schedule-room.ts';
import { createWaitingList } from './waiting-list.ts';
import type { Roused, Waiter, WaitingList } from './waiting-list.ts';
import { candidateOf } from './world.ts';
import type { World } from './world.ts';

/**
 * What is placed and claimed on each host, kept as objects change: a cache of what they say, and of what this process is about to make them
 * say. It is asked for a choice; whether a claim holds is asked of the objects alone.
 */
export interface Ledger {
  /** The hosts of a zone, with claims that were published and those that are about to be. */
  roomIn(zone: string): Room;
  /** The host that a VM claims, with the claims that come before its own; undefined: nobody knows the host. */
  roomBefore(vm: VirtualMachine, request: PlacementRequest): Room | undefined;
  /** The host that a VM has, with all others that have or claim a place there; undefined: nobody knows the host. */
  roomBeside(vm: VirtualMachine, request: PlacementRequest): Room | undefined;
  /** Takes in a VM as it was read, which may be newer than the view. */
  read(vm: VirtualMachine): void;
  /** Takes in what was decided about a VM that was read, before it is published; `request`: it looked for a host with it. */
  decided(vm: VirtualMachine, decision: Decision): void;
  /** Calls `wake` with each VM that waits for room and might have it now; returns how to stop. */
  follow(wake: (key: ObjectKey) => void): () => void;
}

export interface Decision {
  readonly host?: string;
  readonly epoch: number;
  readonly request?: PlacementRequest;
}

/** A VM's place. */
interface Claim {
  readonly placed: PlacedMachine;
  /** The zone that it was given, which counts while its host is not there. */
  readonly zone: string;
  readonly version: bigint;
  readonly verified: boolean;
  /** An object says so; else it is about to be published. */
  readonly heard: boolean;
}

interface Slot {
  readonly name: string;
  readonly machines: Map<string, Claim>;
  readonly taken: { cpus: number; memoryBytes: number };
  /** Undefined while the host, or its pod, is not there. */
  place?: Place;
  /** The candidate as text. */
  text: string;
}

interface Heard {
  readonly version: bigint;
  readonly generation: number;
  readonly epoch: number;
  readonly claim?: Claim;
}

interface State {
  readonly world: World;
  readonly slots: Map<string, Slot>;
  readonly zones: Map<string, ZoneRoom>;
  readonly index: NeighbourIndex;
  readonly waiting: WaitingList;
  /** What objects say of each VM, by uid. */
  readonly heard: Map<string, Heard>;
  /** What is about to be published. */
  readonly expected: Map<string, { readonly epoch: number; readonly claim: Claim }>;
  /** What counts: what is expected, or else what was heard. */
  readonly claims: Map<string, Claim>;
  readonly listeners: Set<(key: ObjectKey) => void>;
}

function slotOf({ slots }: State, name: string): Slot {
  const known = slots.get(name) ?? { name, machines: new Map<string, Claim>(), taken: { cpus: 0, memoryBytes: 0 }, text: '' };
  slots.set(name, known);
  return known;
}

function zoneOf({ zones, index }: State, name: string): ZoneRoom {
  const known = zones.get(name) ?? createZoneRoom((request) => index.neighboursOf(request));
  zones.set(name, known);
  return known;
}

/** What a VM takes of a host; where that is comes later. */
function placedOn({ metadata, spec }: VirtualMachine, host: string): PlacedMachine {
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    host,
    ...{ pod: '', zone: '' },
    cpus: spec.cpus,
    memoryBytes: bytesOf(spec.memory),
    keepsOff: spec.placement.antiAffinity.filter(({ mode }) => mode === 'Required'),
  };
}

/** Counts what a VM takes of a host, or (-1) takes no more. */
function count(state: State, { taken, place }: Slot, { cpus, memoryBytes }: PlacedMachine, sign: 1 | -1): void {
  taken.cpus += sign * cpus;
  taken.memoryBytes += sign * memoryBytes;
  if (place !== undefined) zoneOf(state, place.host.zone).changed(place);
}

function enter(state: State, slot: Slot, claim: Claim): void {
  const { placed } = claim;
  slot.machines.set(placed.uid, claim);
  count(state, slot, placed, 1);
  state.index.add(placed);
}

function leave(state: State, { placed }: Claim): void {
  const slot = slotOf(state, placed.host);
  slot.machines.delete(placed.uid);
  count(state, slot, placed, -1);
  state.index.remove(placed);
  if (slot.machines.size === 0 && slot.place === undefined) state.slots.delete(slot.name);
}

function isSame(one: PlacedMachine, other: PlacedMachine): boolean {
  const size = one.cpus === other.cpus && one.memoryBytes === other.memoryBytes;
  if (!size || one.host !== other.host || one.pod !== other.pod || one.zone !== other.zone) return false;
  const rest = ({ labels, keepsOff }: PlacedMachine): string => JSON.stringify([labels, keepsOff]);
  return (one.labels === other.labels && one.keepsOff === other.keepsOff) || rest(one) === rest(other);
}

/** A claim where its host is now. */
function seated(state: State, claim: Claim): Claim {
  const { placed } = claim;
  const host = state.slots.get(placed.host)?.place?.host;
  const [pod, zone] = [host?.pod ?? '', host?.zone ?? claim.zone];
  return placed.pod === pod && placed.zone === zone ? claim : { ...claim, placed: { ...placed, pod, zone } };
}

/** Makes what counts of a VM what is expected or, once objects say as much or more, what they say. */
function settle(state: State, uid: string): void {
  const { claims, expected } = state;
  const said = state.heard.get(uid);
  const waits = expected.get(uid);
  if (waits !== undefined && (said === undefined || said.epoch >= waits.epoch)) expected.delete(uid);
  const claim = expected.get(uid)?.claim ?? said?.claim;
  const next = claim === undefined ? undefined : seated(state, claim);
  const before = claims.get(uid);
  if (before !== undefined && next !== undefined && isSame(before.placed, next.placed)) {
    const kept = { ...next, placed: before.placed };
    claims.set(uid, kept);
    slotOf(state, kept.placed.host).machines.set(uid, kept);
    return;
  }
  if (before !== undefined) leave(state, before);
  if (next === undefined) claims.delete(uid);
  else {
    claims.set(uid, next);
    enter(state, slotOf(state, next.placed.host), next);
  }
  if (before !== undefined) released(state, before.placed);
}

/** What a VM takes where it is; that of before, where nothing of it was declared or labelled anew. */
function placedAs(state: State, vm: VirtualMachine, host: string): PlacedMachine {
  const { uid, generation, labels = {} } = vm.metadata;
  const before = state.heard.get(uid);
  const known = before?.claim?.placed;
  if (known?.host !== host || before?.generation !== generation) return placedOn(vm, host);
  const names = Object.keys(labels);
  const isLabelled = names.length === Object.keys(known.labels).length && names.every((name) => known.labels[name] === labels[name]);
  return isLabelled ? known : placedOn(vm, host);
}

function hear(state: State, vm: VirtualMachine): void {
  const { metadata, status } = vm;
  const { uid, generation } = metadata;
  const version = BigInt(metadata.resourceVersion);
  if ((state.heard.get(uid)?.version ?? -1n) >= version) return;
  const { host, placementEpoch: epoch = 0 } = status;
  const claimed = (name: string): Claim => {
    return { placed: placedAs(state, vm, name), zone: status.zone ?? '', version, verified: isVerified(vm), heard: true };
  };
  state.heard.set(uid, { version, generation, epoch, ...(host !== undefined && { claim: claimed(host) }) });
  settle(state, uid);
}

function forget(state: State, { metadata: { uid } }: VirtualMachine): void {
  state.heard.delete(uid);
  state.expected.delete(uid);
  const roused = state.waiting.remove(uid);
  passOn(state, roused?.host);
  settle(state, uid);
  next(state, roused);
}

function wake({ listeners }: State, key: ObjectKey): void {
  for (const listener of listeners) listener(key);
}

/** Wakes as many as a host has room for now. */
function offer(state: State, { place, name }: Slot): void {
  if (place === undefined || state.listeners.size === 0) return;
  const { allocatable, zone } = place.host;
  const free = { cpus: allocatable.cpus - place.taken.cpus, memoryBytes: allocatable.memoryBytes - place.taken.memoryBytes };
  const here = { ...place.host, allocatable: free };
  const fits = (request: PlacementRequest): boolean =>
    filterOf(request, roomOf([here], []), state.index.neighboursOf(request))(0) === undefined;
  for (const { key } of state.waiting.wake({ name, zone, free }, fits)) wake(state, key);
}

/** Offers the host that a VM was woken for to the next, where it did not take it. */
function passOn(state: State, host: string | undefined): void {
  const slot = host === undefined ? undefined : state.slots.get(host);
  if (slot !== undefined) offer(state, slot);
}

/** Wakes who may have a place because this VM has it no more: on its host, or, by the rules of either, in its pod or zone. */
function released(state: State, placed: PlacedMachine): void {
  passOn(state, placed.host);
  if (state.listeners.size === 0) return;
  for (const waiter of state.waiting.kinds()) {
    const { zone, request } = waiter;
    if (zone !== placed.zone || request.namespace !== placed.namespace) continue;
    const apart =
      request.placement.antiAffinity.some(
        ({ topology, mode, labelSelector }) => topology !== 'Host' && mode === 'Required' && selects(labelSelector, placed.labels),
      ) || placed.keepsOff.some(({ topology, labelSelector }) => topology !== 'Host' && selects(labelSelector, request.labels));
    if (apart) rouse(state, waiter);
  }
}

/** Wakes one for the host that it would have now, where there is one, wherever that is. */
function rouse(state: State, waiter: Waiter): void {
  const { host } = schedule(waiter.request, zoneOf(state, waiter.zone).room);
  if (host === undefined) return;
  state.waiting.rouse(waiter, host);
  wake(state, waiter.key);
}

/** Wakes the next of the kind that this one was woken for: what set it free may have set free them all. */
function next(state: State, roused: Roused | undefined): void {
  const waiter = roused?.leads === undefined ? undefined : state.waiting.first(roused.leads);
  if (waiter !== undefined) rouse(state, waiter);
}

/** Takes in what a host is to the scheduler now. */
function refresh(state: State, name: string, host: Host | undefined): void {
  const candidate = host === undefined ? undefined : candidateOf(state.world, host);
  const text = candidate === undefined ? '' : JSON.stringify(candidate);
  const slot = slotOf(state, name);
  if (slot.text === text) {
    if (text === '' && slot.machines.size === 0) state.slots.delete(name);
    return;
  }
  const before = slot.place?.host;
  slot.text = text;
  if (before !== undefined && before.zone !== candidate?.zone) zoneOf(state, before.zone).drop(name);
  if (candidate === undefined) delete slot.place;
  else if (slot.place === undefined) slot.place = { host: candidate, taken: slot.taken };
  else slot.place.host = candidate;
  if (slot.place !== undefined) {
    const zone = zoneOf(state, slot.place.host.zone);
    zone.put(slot.place);
    zone.changed(slot.place);
  }
  moveAll(state, slot);
  offer(state, slot);
  if (candidate === undefined && slot.machines.size === 0) state.slots.delete(name);
}

/** Makes the VMs of a host count where it is now. */
function moveAll(state: State, { machines }: Slot): void {
  for (const [uid, claim] of machines) {
    const moved = seated(state, claim);
    if (moved === claim) continue;
    state.index.remove(claim.placed);
    state.index.add(moved.placed);
    machines.set(uid, moved);
    state.claims.set(uid, moved);
  }
}

function decided(state: State, vm: VirtualMachine, { host, epoch, request }: Decision): void {
  const { uid, resourceVersion, creationTimestamp } = vm.metadata;
  const roused = state.waiting.remove(uid);
  if (host !== undefined && epoch > (vm.status.placementEpoch ?? 0)) {
    const zone = vm.status.zone ?? vm.spec.placement.zone ?? '';
    const claim = { placed: placedOn(vm, host), zone, version: BigInt(resourceVersion), verified: false, heard: false };
    state.expected.set(uid, { epoch, claim });
    settle(state, uid);
  }
  if (roused?.host !== host) passOn(state, roused?.host);
  // One that the view shows no more would stay on the list for ever; one that it does not show yet is looked at once more when it does.
  const isShown = state.world.machines.get(keyOf(vm))?.metadata.uid === uid;
  if (host === undefined && request !== undefined && isShown) {
    const zone = vm.status.zone ?? vm.spec.placement.zone ?? '';
    state.waiting.add({ key: keyOf(vm), zone, age: `${creationTimestamp} ${uid}`, request });
  }
  next(state, roused);
}

/** The host of a VM, with those claims of others that count. */
function roomAt(
  { slots, index, claims }: State,
  vm: VirtualMachine,
  request: PlacementRequest,
  counts: (claim: Claim) => boolean,
): Room | undefined {
  const slot = slots.get(vm.status.host ?? '');
  const host = slot?.place?.host;
  if (slot === undefined || host === undefined) return undefined;
  const beyond = index.beyond(request, host).flatMap(({ uid }) => claims.get(uid) ?? []);
  const others = new Set([...slot.machines.values(), ...beyond]);
  return roomOf(
    [host],
    [...others].filter(counts).map(({ placed }) => placed),
    vm.metadata.uid,
  );
}

function roomBefore(state: State, vm: VirtualMachine, request: PlacementRequest): Room | undefined {
  const mine = BigInt(vm.metadata.resourceVersion);
  return roomAt(state, vm, request, ({ heard, verified, version }) => heard && (verified || version < mine));
}

function listen(state: State): void {
  const { zones, pods, hosts, machines } = state.world;
  const podsIn = indexView(pods, ({ spec }) => [spec.zone]);
  const hostsIn = indexView(hosts, ({ spec }) => [spec.pod]);
  const refreshPod = (pod: string): void => {
    for (const host of hostsIn.of(pod)) refresh(state, host.metadata.name, host);
  };
  zones.onChange((change) => {
    const name = (change.object ?? change.old)?.metadata.name ?? '';
    if (declaredAnew(change)) for (const { metadata } of podsIn.of(name)) refreshPod(metadata.name);
  });
  pods.onChange((change) => {
    if (declaredAnew(change)) refreshPod((change.object ?? change.old)?.metadata.name ?? '');
  });
  hosts.onChange(({ old, object }) => refresh(state, (object ?? old)?.metadata.name ?? '', object));
  machines.onChange(({ old, object }) => {
    if (object !== undefined) hear(state, object);
    else if (old !== undefined) forget(state, old);
  });
  for (const host of hosts.list()) refresh(state, host.metadata.name, host);
  for (const vm of machines.list()) hear(state, vm);
}

/** The ledger of all zones that views show. */
export function createLedger(world: World): Ledger {
  const state: State = {
    ...{ world, slots: new Map(), zones: new Map(), index: createNeighbourIndex(), waiting: createWaitingList() },
    ...{ heard: new Map(), expected: new Map(), claims: new Map(), listeners: new Set() },
  };
  listen(state);
  return {
    roomIn: (zone) => zoneOf(state, zone).room,
    roomBefore: (vm, request) => roomBefore(state, vm, request),
    roomBeside: (vm, request) => roomAt(state, vm, request, () => true),
    read(vm) {
      // One that the view shows no more is gone; one that it does not show yet will be shown.
      if (world.machines.get(keyOf(vm))?.metadata.uid !== vm.metadata.uid) return;
      state.expected.delete(vm.metadata.uid);
      hear(state, vm);
      settle(state, vm.metadata.uid);
    },
    decided: (vm, decision) => decided(state, vm, decision),
    follow(listener) {
      state.listeners.add(listener);
      return () => {
        state.listeners.delete(listener);
      };
    },
  };
}
