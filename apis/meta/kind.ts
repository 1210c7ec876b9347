import type { z } from 'zod';

/** A CEL rule on a node of the schema: evaluated by our server, and carried by the CRD as x-kubernetes-validations. */
export interface CelRule {
  /** Dotted path of the node whose value is `self`, for example `spec` or `spec.size`; lists and maps cannot be entered. */
  readonly at: string;
  /** CEL over `self` and, for a rule over time, `oldSelf` (such a rule holds for updates only). */
  readonly rule: string;
  /** One sentence that says what to do. */
  readonly message: string;
  /** Path below `at` that the error names, for example `.zone`. */
  readonly fieldPath?: string;
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** JSONPath in the dialect of CRDs, for example `.status.conditions[?(@.type=="Ready")].status`. */
  readonly jsonPath: string;
  readonly description: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
  /** What the cell shows where no path can say it; only for kinds of origin `kubernetes`, which need no CRD. */
  readonly cell?: (object: Readonly<Record<string, unknown>>) => unknown;
}

/** Everything that shared code may ask of a kind; nothing switches on a kind's name. */
export interface KindDefinition<Fields extends z.ZodObject = z.ZodObject> {
  /** Empty for Kubernetes' core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: 'Cluster' | 'Namespaced';
  /** `ours` have a CRD; `kubernetes` are compiled into a Kubernetes cluster already; `computed` are made when they are asked for, and kept nowhere. */
  readonly origin: 'ours' | 'kubernetes' | 'computed';
  /** One sentence for `kubectl explain`. */
  readonly description: string;
  /** The fields beside apiVersion, kind and metadata. */
  readonly fields: Fields;
  /** Whether `/status` exists: then the main resource ignores status, and `/status` everything else. */
  readonly statusSubresource: boolean;
  readonly rules: readonly CelRule[];
  readonly columns: readonly PrinterColumn[];
  /** Dotted paths of string fields that a field selector may name, beside metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** Whether a change of anything but metadata and status raises metadata.generation. */
  readonly generations: boolean;
  /** Objects go this long after their last write. */
  readonly expiresAfterSeconds?: number;
  /** Dotted path of a boolean that, while true, refuses deletion. */
  readonly protectedBy?: string;
  /** Where the same stored object is served under another group or shape: that other kind, and how to convert. */
  readonly storedAs?: StoredAs;
}

/** A second face of a stored kind: its objects are converted on the way in and out. */
export interface StoredAs {
  readonly group: string;
  readonly plural: string;
  toStored(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  fromStored(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

/** What can be done with the objects of a kind. */
export function verbsOf({ origin }: Pick<KindDefinition, 'origin'>): readonly string[] {
  return origin === 'computed' ? ['get', 'list'] : ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
}

/** `group/version`, or just the version for the core group. */
export function apiVersionOf(kind: Pick<KindDefinition, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
