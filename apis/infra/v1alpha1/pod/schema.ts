import { z } from 'zod';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Allocation, Limits, ObjectName, Protected, Resources } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';

export const PodSpec = z.strictObject({
  zone: ObjectName.describe('The zone that it stands in. Immutable.'),
  allocation: Allocation,
  overcommit: z
    .strictObject({
      cpuPercent: z.int().min(1).max(10_000).default(100).describe('Virtual CPUs given out per 100 real ones.'),
      memoryPercent: z.int().min(1).max(1_000).default(100).describe('Memory given out per 100 of real memory.'),
    })
    .prefault({})
    .describe('How much more is given out than there is.'),
  limits: Limits,
  protected: Protected,
});

/** Pending: not looked at yet. ZoneNotFound: the zone does not exist. NoHosts, HostsNotReady, AsDeclared: as of a zone. Deleting: waits for its children. */
export const PodReason = z.enum(['Pending', 'ZoneNotFound', 'NoHosts', 'HostsNotReady', 'AsDeclared', 'Deleting']);

export type PodReason = z.output<typeof PodReason>;

export const PodStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  capacity: Resources.exactOptional().describe('What the hosts and pools have.'),
  allocatable: Resources.exactOptional().describe('What may be given out: capacity less what is reserved, times the overcommit.'),
  allocated: Resources.exactOptional().describe('What is given out.'),
  counts: z
    .strictObject({
      hosts: z.int().min(0).describe('Hosts in the pod.'),
      hostsReady: z.int().min(0).describe('Hosts that are ready.'),
      virtualMachines: z.int().min(0).describe('Virtual machines placed in the pod.'),
    })
    .exactOptional()
    .describe('How many there are.'),
  conditions: conditionsOf(['Ready', 'Reconciling', 'Stalled'], PodReason),
});

export const PodFields = z.strictObject({
  spec: PodSpec.describe('What is declared.'),
  status: PodStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type Pod = ObjectOf<z.output<typeof PodFields>>;
