import { z } from 'zod';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Allocation, Protected, Resources } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';

/** What is done about silent hosts; where a stored zone says nothing, the defaults. */
export const ZoneFailover = z
  .strictObject({
    mode: z
      .enum(['Automatic', 'Paused', 'DryRun'])
      .default('Automatic')
      .describe(
        'Whether a silent host is switched off by its power driver, so that its VMs can run elsewhere. Paused: no host is. DryRun: it is only said which would be. The same goes for running VMs elsewhere because the lease of their host ran out. What an operator states in spec.outOfService of a host counts in every mode.',
      ),
    afterSeconds: z.int().min(1).max(86_400).default(30).describe('How long a host is silent before it is suspected.'),
  })
  .prefault({})
  .describe('What is done about hosts that do not answer.');

export const ZoneSpec = z.strictObject({ allocation: Allocation, failover: ZoneFailover, protected: Protected });

/** Pending: not looked at yet. NoHosts: nothing can run here yet. HostsNotReady: some hosts are not ready. AsDeclared: all hosts are ready. Deleting: waits for its children. */
export const ZoneReason = z.enum(['Pending', 'NoHosts', 'HostsNotReady', 'AsDeclared', 'Deleting']);

export type ZoneReason = z.output<typeof ZoneReason>;

const Counts = z.strictObject({
  pods: z.int().min(0).describe('Pods (racks) in the zone.'),
  hosts: z.int().min(0).describe('Hosts in the zone.'),
  hostsReady: z.int().min(0).describe('Hosts that are ready.'),
  virtualMachines: z.int().min(0).describe('Virtual machines placed in the zone.'),
});

export const ZoneStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  capacity: Resources.exactOptional().describe('What the hosts and pools have.'),
  allocatable: Resources.exactOptional().describe('What may be given out: capacity less what is reserved, times the overcommit.'),
  allocated: Resources.exactOptional().describe('What is given out.'),
  counts: Counts.exactOptional().describe('How many there are.'),
  shard: z
    .strictObject({
      holder: z.string().max(253).describe('The controller process that leads the zone.'),
      epoch: z.int().min(0).describe('How often the leader has changed.'),
    })
    .exactOptional()
    .describe('Who decides for the zone.'),
  conditions: conditionsOf(['Ready', 'Reconciling', 'Stalled'], ZoneReason),
});

export const ZoneFields = z.strictObject({
  spec: ZoneSpec.prefault({}).describe('What is declared.'),
  status: ZoneStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type Zone = ObjectOf<z.output<typeof ZoneFields>>;
