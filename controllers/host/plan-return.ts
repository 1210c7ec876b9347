import { nameList } from '../../apis/meta/sentence.ts';
import type { Verdict } from '../runtime/plan.ts';
import type { HostFacts, HostReason, HostStep } from './plan-facts.ts';

/** What a round takes on; the next ones go on. */
const MOST_AT_ONCE = 16;

/** How a host is cleaned of copies of VMs that gave up their place here, before anything else is done on it. */
export interface Cleaning extends Verdict<HostReason> {
  readonly steps: readonly HostStep[];
}

/** Stops and removes what moved away; undefined: there is nothing. What belongs to no VM at all is a person's to remove. */
export function planCleaning({ copies, pod, zone }: HostFacts): Cleaning | undefined {
  if (copies.length === 0) return undefined;
  const names = nameList(copies.map(({ name }) => name));
  const said = { status: 'False', reason: 'Cleaning', also: 'moving' } as const;
  if (zone === undefined || pod?.allocation === 'Disabled') {
    const why = zone === undefined ? 'its zone does not exist' : 'it is Disabled';
    return { ...said, message: `copies of ${names}, which gave up their place here, are to be removed, but ${why}`, steps: [] };
  }
  const steps = copies.slice(0, MOST_AT_ONCE).flatMap((copy): readonly HostStep[] => {
    if (copy.power === 'unknown') return [];
    return [{ do: copy.power === 'stopped' ? 'delete-copy' : 'stop-copy', machine: copy }];
  });
  return { ...said, message: `removes copies of ${names}, which gave up their place here`, steps };
}
