import { VirtualMachineKind } from './compute/v1alpha1/virtual-machine/kind.ts';
import { LeaseKind } from './coordination/v1/lease/kind.ts';
import { EventKind } from './core/v1/event/kind.ts';
import { NamespaceKind } from './core/v1/namespace/kind.ts';
import { EventV1Kind } from './events/v1/event/kind.ts';
import { HostKind } from './infra/v1alpha1/host/kind.ts';
import { PodKind } from './infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from './infra/v1alpha1/zone/kind.ts';
import type { KindDefinition } from './meta/kind.ts';
import { ControllerConfigKind } from './ops/v1alpha1/controller-config/kind.ts';
import { QueueKind } from './ops/v1alpha1/queue/kind.ts';
import { StoragePoolKind } from './storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from './storage/v1alpha1/volume/kind.ts';

/** Every kind that there is: the one place where a new kind is announced. Groups are served in this order. */
export const CATALOG: readonly KindDefinition[] = [
  NamespaceKind,
  EventKind,
  EventV1Kind,
  LeaseKind,
  ZoneKind,
  PodKind,
  HostKind,
  StoragePoolKind,
  VolumeKind,
  VirtualMachineKind,
  ControllerConfigKind,
  QueueKind,
];
