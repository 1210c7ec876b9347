import { coveringFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import type { HostFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { nameList } from '../../apis/meta/sentence.ts';
import type { Verdict } from '../runtime/plan.ts';
import type { HostFacts, HostReason, HostStep, Silence } from './plan-facts.ts';
import { hasRunOut, leasedHeirs, leaseFence } from './plan-lease.ts';
import { driverDigest } from './plan-reached.ts';

/** What is made of a silence: a verdict, and whether the host is to be switched off. */
export interface Loss extends Verdict<HostReason> {
  readonly steps: readonly HostStep[];
}

/**
 * The proof that a host which does not answer is dead, for the boot that was seen last; undefined: there is none. An operator's statement
 * counts for as long as it stands; a confirmed power-off, and a lease that ran out, for good.
 */
export function proofOf(host: Host, facts: HostFacts): HostFence | undefined {
  const { device, silence } = facts;
  const { spec, status } = host;
  const { bootId } = status;
  if (device?.known !== false || bootId === undefined) return undefined;
  const before = coveringFence(host);
  if (before?.evidence === 'PowerOff') return before;
  if (silence?.offBoot === bootId) {
    return { bootId, evidence: 'PowerOff', message: `its power driver ${spec.power?.driver ?? ''} confirmed that it is off` };
  }
  if (spec.outOfService?.bootId !== bootId) return leaseFence(host, facts, before);
  return { bootId, evidence: 'OutOfService', message: `spec.outOfService says so: ${spec.outOfService.reason}` };
}

/** What is said of a host that is proven dead. */
export function fencedVerdict({ message, evidence, machines = [] }: HostFence, { placed }: HostFacts): Verdict<HostReason> {
  const others = placed.filter(({ uid, reschedules }) => evidence === 'LeaseExpired' && reschedules && !machines.includes(uid));
  const note = others.length === 0 ? '' : `; nothing proves that of ${nameList(others.map(({ name }) => name))}`;
  return { status: 'False', reason: 'Fenced', message: `proven dead: ${message}${note}` };
}

/** Where so many are silent at once, it is rather we who are cut off. */
function isStorm({ neighbours: { hosts, silent } }: HostFacts): boolean {
  return silent >= 2 && silent * 3 > hosts;
}

/** What a host that cannot be switched off is waited for. */
function unpowered(host: Host, silence: Silence | undefined, heirs: readonly string[]): string {
  const { leaseSeconds } = host.status;
  const names = nameList(heirs);
  if (leaseSeconds === undefined) return `only spec.outOfService, or an answer, can free ${names}: it has no spec.power`;
  if (!hasRunOut(host, silence))
    return `its lease of ${leaseSeconds} s is waited for to run out, as its leader counts it, to free ${names}`;
  return `its lease has run out, and ${names} ${heirs.length === 1 ? 'was' : 'were'} not under it: only spec.outOfService, or an answer, can free that`;
}

/** Why nobody tries to switch it off, though it is suspected; undefined: nothing speaks against it. */
function reprieve(host: Host, { pod, zone, silence, refuge, refused }: HostFacts, heirs: readonly string[]): string | undefined {
  const { spec, status } = host;
  if (heirs.length === 0) return 'no virtual machine here is to run elsewhere';
  // Where only the way to it is broken, switching it off would end what still runs, for nothing.
  if (!refuge) return `no other host is ready to take ${nameList(heirs)}`;
  if (zone === undefined) return 'its zone does not exist: nobody leads it';
  if (spec.power === undefined) return unpowered(host, silence, heirs);
  if (pod?.allocation === 'Disabled') return 'it is Disabled: it is not switched off';
  if (status.bootId === undefined || status.driver?.reached !== driverDigest(host)) {
    return 'spec.driver was changed since it was seen last: its power proves nothing of what was placed here before';
  }
  if (refused !== undefined) return `its power driver ${spec.power.driver} refuses: ${refused}`;
  const afterMs = zone.failover.afterSeconds * 1000;
  // Another leader's watch is not ours: what was silent to it may have answered since.
  return (silence?.witnessedMs ?? 0) < afterMs ? 'it is watched for as long again, because its leader is new' : undefined;
}

/** What is made of a host whose driver does not answer for it and which nothing proves dead. */
export function planSilence(host: Host, facts: HostFacts, because: string): Loss {
  const { spec } = host;
  const { zone, silence, placed } = facts;
  const says = (reason: HostReason, message: string, steps: readonly HostStep[] = []): Loss => ({
    status: 'Unknown',
    reason,
    message,
    steps,
  });
  const afterSeconds = zone?.failover.afterSeconds ?? 0;
  if (zone === undefined || silence === undefined || silence.recordedMs < afterSeconds * 1000) {
    return says('DriverUnreachable', `the driver ${spec.driver.name} does not answer: ${because}`);
  }
  const silent = `silent for more than ${afterSeconds} s`;
  const { mode } = zone.failover;
  const stopped = hasRunOut(host, silence) ? leasedHeirs(facts).map(({ name }) => name) : [];
  if (stopped.length > 0 && mode !== 'Automatic') {
    const would = mode === 'Paused' ? 'are not' : 'would be';
    const why = `spec.failover of Zone ${zone.name} is ${mode}`;
    return says(
      mode === 'Paused' ? 'FailoverPaused' : 'DryRun',
      `${silent}; its lease has stopped ${nameList(stopped)}, which ${would} started elsewhere: ${why}`,
    );
  }
  const heirs = placed.filter(({ reschedules }) => reschedules).map(({ name }) => name);
  const reprieved = reprieve(host, facts, heirs);
  if (reprieved !== undefined) return says('Suspect', `${silent}; ${reprieved}`);
  if (isStorm(facts)) {
    return says(
      'StormGuard',
      `${silent}; more than a third of the hosts of Zone ${zone.name} are: it is not switched off, for we may be cut off`,
    );
  }
  const aim = `so that ${nameList(heirs)} can run elsewhere`;
  if (mode === 'Paused')
    return says('FailoverPaused', `${silent}; spec.failover of Zone ${zone.name} is Paused: it is not switched off ${aim}`);
  if (mode === 'DryRun')
    return says('DryRun', `${silent}; it would be switched off ${aim}, were spec.failover of Zone ${zone.name} not DryRun`);
  return says('PoweringOff', `${silent}; its power driver ${spec.power?.driver ?? ''} switches it off ${aim}`, [{ do: 'power-off' }]);
}
