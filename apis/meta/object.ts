/** Object metadata, as Kubernetes defines it; filled in by the API server where noted. */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  /** Never reused; set at creation. */
  readonly uid: string;
  /** Decimal; grows with every change of any object. */
  readonly resourceVersion: string;
  /** Grows with every change of what is declared. */
  readonly generation: number;
  /** RFC 3339, seconds. */
  readonly creationTimestamp: string;
  /** Set once, when deletion was asked for; the object goes when its last finalizer does. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object of any kind, as read from the API. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** An object whose fields beside apiVersion, kind and metadata are `Fields` (the output of a kind's schema). */
export type ObjectOf<Fields> = { readonly apiVersion: string; readonly kind: string; readonly metadata: ObjectMeta } & Fields;
