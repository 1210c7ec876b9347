import type { Amounts } from '../../apis/meta/amounts.ts';
import type { Allocation } from '../../apis/meta/fields.ts';
import type { DriverInfo, HostObservation } from '../../drivers/contract/driver.ts';
import type { Answer } from '../runtime/device.ts';

/** What the driver says about the host, and which driver says it. */
export interface HostAnswer {
  readonly info: DriverInfo;
  readonly capabilities: readonly string[];
  readonly observation: HostObservation;
}

/** What is known about a host in one round. */
export interface HostFacts {
  /** The pod, and the strictest allocation of host, pod and zone; undefined: there is no such pod. */
  readonly pod?: { readonly cpuPercent: number; readonly memoryPercent: number; readonly allocation: Allocation };
  /** Undefined: nobody asked. */
  readonly device?: Answer<HostAnswer>;
  /** VMs placed here, as `namespace/name`, with what they take. */
  readonly placed: readonly (Amounts & { readonly name: string })[];
  /** Volumes, as `namespace/name`, that were claimed for this host and not yet seen detached. */
  readonly claimed: readonly string[];
  /** Pools of the host alone. */
  readonly pools: readonly string[];
  /** Bytes promised to volumes of the host's own pools. */
  readonly storageBytes: number;
  /** The uid that tags of this installation carry. */
  readonly installation: string;
  /** Uids of all VMs that there are. */
  readonly machines: ReadonlySet<string>;
  /** Uids among those of spec.collect whose VM was looked for in the API just now, and is not there. */
  readonly orphans: ReadonlySet<string>;
  /** An older Host object that is the same machine. */
  readonly twin?: string;
}
