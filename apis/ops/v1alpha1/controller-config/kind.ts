import type { KindDefinition } from '../../../meta/kind.ts';
import { ControllerConfigFields } from './schema.ts';

/** The only ControllerConfig that is looked at. */
export const CONTROLLER_CONFIG = 'default';

export const ControllerConfigKind = {
  group: 'ops.lenticular.dev',
  version: 'v1alpha1',
  kind: 'ControllerConfig',
  plural: 'controllerconfigs',
  singular: 'controllerconfig',
  shortNames: [],
  categories: [],
  scope: 'Cluster',
  origin: 'ours',
  description: 'How fast controllers work, and what they leave alone for now. There is one, and its name is default.',
  fields: ControllerConfigFields,
  statusSubresource: false,
  generations: true,
  rules: [{ at: '', rule: "self.metadata.name == 'default'", message: 'the only ControllerConfig is called default' }],
  selectableFields: [],
  columns: [
    { name: 'Kinds', type: 'string', jsonPath: '.spec.kinds[*].name', description: 'Kinds that have settings of their own.' },
    { name: 'Paused-Kinds', type: 'string', jsonPath: '.spec.kinds[?(@.paused==true)].name', description: 'Kinds that are paused.' },
    { name: 'Paused-Shards', type: 'string', jsonPath: '.spec.shards[?(@.paused==true)].name', description: 'Shards that are paused.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
  ],
} as const satisfies KindDefinition;
