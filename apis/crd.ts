import { apiVersionOf, type KindDefinition, type PrinterColumn } from './meta/kind.ts';
import type { StructuralSchema } from './meta/structural.ts';
import { structuralSchemaOf } from './structural.ts';

/** A CustomResourceDefinition (apiextensions.k8s.io/v1), as one applies it. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: KindDefinition['scope'];
    readonly names: Readonly<Record<string, string | readonly string[]>>;
    readonly versions: readonly Readonly<Record<string, unknown>>[];
  };
}

/** A kind's whole object as a structural schema: its fields, and what every object begins with; Kubernetes fills in metadata itself. */
export function objectSchemaOf(kind: KindDefinition): StructuralSchema {
  const fields = structuralSchemaOf(kind);
  return {
    ...fields,
    description: kind.description,
    properties: {
      apiVersion: { type: 'string', description: `Always ${apiVersionOf(kind)}.` },
      kind: { type: 'string', description: `Always ${kind.kind}.` },
      metadata: { type: 'object' },
      ...fields.properties,
    },
  };
}

function printerColumn({ name, type, jsonPath, description, priority, cell }: PrinterColumn): Readonly<Record<string, unknown>> {
  if (cell !== undefined) throw new RangeError(`column ${name}: a CRD cannot compute a cell`);
  return { name, type, jsonPath, description, ...(priority === undefined ? {} : { priority }) };
}

/** The manifest that makes a Kubernetes cluster serve a kind; throws a RangeError for a kind that a cluster has already, or whose objects are computed. */
export function crdOf(kind: KindDefinition): CustomResourceDefinition {
  if (kind.origin !== 'ours') throw new RangeError(`${kind.kind}: Kubernetes has this kind already, or nobody keeps its objects`);
  const { group, version, plural, singular, shortNames, categories, scope } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular, shortNames, categories },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(kind.statusSubresource ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: kind.columns.map(printerColumn),
          selectableFields: kind.selectableFields.map((path) => ({ jsonPath: `.${path}` })),
          schema: { openAPIV3Schema: objectSchemaOf(kind) },
        },
      ],
    },
  };
}
