/** The path of the VirtualMachines of a namespace, or of all. */
export function machinesPath(namespace?: string): string {
  const group = '/apis/compute.lenticular.dev/v1alpha1';
  return namespace === undefined ? `${group}/virtualmachines` : `${group}/namespaces/${namespace}/virtualmachines`;
}

/**
 * The same for a list that may come from the server's cache. A linearizable one goes past the peer's cache, because the etcd of Debian 12
 * lacks what it needs for that, and takes three times as long: no fair comparison.
 */
export function cachedPath(namespace: string): string {
  return `${machinesPath(namespace)}?resourceVersion=0`;
}

/** The path of the Leases of a namespace. */
export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

/** The name of the object with this number. */
export function nameOf(index: number): string {
  return `bench-${String(index).padStart(6, '0')}`;
}

/** The label that 100 of the first 100,000 objects have with the value `yes`, and none with `never`. */
export const RARE_LABEL = 'bench.lenticular.dev/rare';
/** The zone that the same objects are placed in; a selectable field. */
export const RARE_ZONE = 'zone-rare';
/** The annotation that says which write an event is of. */
export const SEQUENCE = 'bench.lenticular.dev/sequence';

const SIZE_BYTES = 1_300;
/** Few bytes are the same in neighbours, as in text that people write. */
const PADDING = Array.from({ length: 64 }, (_, at) => ((at * 2_654_435_761) >>> 0).toString(36)).join('-');

/** A valid VirtualMachine of 1.3 KB as JSON; `changes` go over its metadata. One in `rareOf` has the rare label and zone. */
export function machine(index: number, changes: object = {}, rareOf = 1_000): string {
  const rare = index % rareOf === 0;
  const object = (padding: string): object => ({
    apiVersion: 'compute.lenticular.dev/v1alpha1',
    kind: 'VirtualMachine',
    metadata: {
      name: nameOf(index),
      labels: {
        'app.kubernetes.io/part-of': `tenant-${index % 50}`,
        'app.kubernetes.io/name': 'web',
        ...(rare && { [RARE_LABEL]: 'yes' }),
      },
      annotations: { [SEQUENCE]: '0', 'bench.lenticular.dev/note': padding },
      ...changes,
    },
    spec: {
      cpus: 2,
      memory: '4Gi',
      disks: [
        { name: 'root', volume: `root-${index}` },
        { name: 'data', volume: `data-${index}` },
      ],
      interfaces: [{ name: 'eth0' }],
      placement: {
        zone: rare ? RARE_ZONE : `zone-${index % 10}`,
        antiAffinity: [{ topology: 'Host', labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'web' } } }],
      },
    },
  });
  const bare = JSON.stringify(object('')).length;
  return JSON.stringify(object(PADDING.repeat(4).slice(0, Math.max(0, SIZE_BYTES - bare))));
}

/** A Lease as JSON. */
export function lease(index: number): string {
  return JSON.stringify({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: nameOf(index) },
    spec: { holderIdentity: nameOf(index), leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
  });
}
