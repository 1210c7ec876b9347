import type { Clock } from '../../apis/meta/clock.ts';
import { createBreaker, type Breaker, type BreakerView } from './breaker.ts';
import type { DriverGate } from './driver-gate.ts';
import { createGate, type Gate } from './gate.ts';
import { PRIORITY, type Priority } from './queue.ts';

/** How many calls a device takes at once. */
export interface Limits {
  /** In all. */
  readonly inFlight: number;
  /** Of one operation. */
  readonly perOperation: number;
}

/** A device as its object declares it: a Host or a StoragePool. */
export interface Endpoint {
  readonly uid: string;
  /** For people, for example `Host h-1`. */
  readonly label: string;
  readonly limits: Limits;
  /** The program that its calls go through, with those of other endpoints; absent: one of its own. */
  readonly driver?: string;
}

/** An endpoint by one of its services, which fail and recover apart: a host's machines and its power, for example. */
export interface Service extends Endpoint {
  readonly category: string;
}

/** What is known of a service, for metrics. */
export interface ServiceView extends BreakerView {
  readonly category: string;
  readonly label: string;
  readonly inFlight: number;
}

/** A service that is called now, or that does not answer. */
export interface Known {
  readonly service: Service;
  readonly breaker: Breaker;
  /** Objects that wait for an answer, in the order in which they came. */
  readonly waiting: Set<string>;
}

/** Where calls get their places and services their breakers. */
export interface Switchboard extends Pick<SwitchboardOptions, 'check' | 'drivers'> {
  /** Places for calls, by service, and by service and operation. */
  readonly gate: Gate;
  find(service: Service): Known | undefined;
  knownOf(service: Service): Known;
  /** What answers and is not called need not be known. */
  settle(known: Known): void;
}

export interface SwitchboardOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Makes an object (`Kind namespace/name`) worth another look. */
  readonly wake: (who: string, priority: Priority) => void;
  /** Throws once this process may no longer be the shard's leader; asked right before each call, as a step may make several and each may wait. */
  readonly check: () => void;
  /** Places for calls, by the driver that they go through. */
  readonly drivers: DriverGate;
}

/** What a service is known by. */
export function serviceKey({ category, uid }: Pick<Service, 'category' | 'uid'>): string {
  return `${category}/${uid}`;
}

/** Every service answers. What is known is in `known`. */
export function createSwitchboard(known: Map<string, Known>, { clock, random, wake, check, drivers }: SwitchboardOptions): Switchboard {
  const gate = createGate();
  return {
    gate,
    check,
    drivers,
    find: (service) => known.get(serviceKey(service)),
    knownOf(service) {
      const key = serviceKey(service);
      const found = known.get(key);
      if (found !== undefined) return found;
      const waiting = new Set<string>();
      const breaker = createBreaker({ clock, random }, () => {
        // In order; and no faster than rounds get their places.
        for (const who of waiting) wake(who, PRIORITY.retry);
        waiting.clear();
      });
      const made = { service, breaker, waiting };
      known.set(key, made);
      return made;
    },
    settle({ service, breaker }) {
      const key = serviceKey(service);
      const { state, failures } = breaker.view();
      if (state === 'closed' && failures === 0 && gate.insideOf(key) === 0) known.delete(key);
    },
  };
}
