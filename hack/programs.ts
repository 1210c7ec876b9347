import { accessSync, closeSync, constants, existsSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Something that a test needs and that npm does not bring. */
export interface Prerequisite {
  /** The Debian package that brings it; absent where none does. */
  readonly debian?: string;
  /** What a person does who lacks it and has no Debian. */
  readonly remedy: string;
  /** Where it is, or undefined. */
  readonly find: () => string | undefined;
}

/** Holds what is downloaded for tests and not installed; ours alone. */
export const CACHE_FOLDER = join(tmpdir(), 'lenticular-prerequisites');

/** Everything that tests may need, by the name that they ask for it. */
export const PREREQUISITES = {
  etcd: program('etcd', 'etcd-server'),
  ip: program('ip', 'iproute2'),
  'network-namespaces': { remedy: 'run as root, with the right to make network namespaces', find: mayMakeNetworks },
  strace: program('strace', 'strace'),
  'qemu-system-x86_64': program('qemu-system-x86_64', 'qemu-system-x86'),
  'qemu-img': program('qemu-img', 'qemu-utils'),
  ipmitool: program('ipmitool', 'ipmitool'),
  ipmi_sim: program('ipmi_sim', 'openipmi'),
  protoc: program('protoc', 'protobuf-compiler'),
  'protobuf-include': file('/usr/include/google/protobuf/any.proto', 'libprotobuf-dev'),
  'python-grpc': file('/usr/lib/python3/dist-packages/grpc/__init__.py', 'python3-grpcio'),
  'python-protobuf': file('/usr/lib/python3/dist-packages/google/protobuf/__init__.py', 'python3-protobuf'),
  busybox: { ...program('busybox', 'busybox-static'), remedy: 'install a busybox without shared libraries', find: staticBusybox },
  xz: program('xz', 'xz-utils'),
  openssl: program('openssl', 'openssl'),
  kubectl: program('kubectl', 'kubernetes-client'),
  'guest-kernel': { remedy: 'on Debian: npm test downloads its cloud kernel', find: cachedKernelPackage },
  KUBEBUILDER_ASSETS: { remedy: 'set KUBEBUILDER_ASSETS to a folder that holds crd-apiserver or kube-apiserver', find: referenceApiServer },
} as const satisfies Readonly<Record<string, Prerequisite>>;

/** The name of something that a test may ask for. */
export type Need = keyof typeof PREREQUISITES;

function program(name: string, debian: string): Prerequisite {
  return { debian, remedy: `install ${name}`, find: () => onPath(name) };
}

function file(path: string, debian: string): Prerequisite {
  return { debian, remedy: `on Debian, install ${debian}`, find: () => (existsSync(path) ? path : undefined) };
}

/** Where network namespaces are, for who may make them. */
function mayMakeNetworks(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  // The right to administer networks is bit 12 of a process's capabilities.
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${effective}`) >> 12n) % 2n === 1n ? '/proc/self/ns/net' : undefined;
}

/** The path of a program on PATH, or undefined. */
export function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The reference Kubernetes API server that KUBEBUILDER_ASSETS names; it also needs `etcd`. */
function referenceApiServer(): string | undefined {
  const folder = process.env.KUBEBUILDER_ASSETS ?? '';
  return folder === '' ? undefined : ['crd-apiserver', 'kube-apiserver'].map((name) => join(folder, name)).find(isExecutable);
}

/** The Debian kernel package for guests that was downloaded before, the newest by name. */
export function cachedKernelPackage(): string | undefined {
  try {
    if (lstatSync(CACHE_FOLDER).uid !== process.getuid?.()) return undefined;
    const packages = readdirSync(CACHE_FOLDER).filter((name) => /^linux-image-.*-cloud-amd64_.*\.deb$/.test(name));
    const newest = packages.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1);
    return newest === undefined ? undefined : join(CACHE_FOLDER, newest);
  } catch {
    return undefined;
  }
}

/** A busybox that runs in a guest without shared libraries: an ELF file without an interpreter. */
function staticBusybox(): string | undefined {
  const path = onPath('busybox');
  if (path === undefined) return undefined;
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const { at, size, count } = { at: Number(head.readBigUInt64LE(0x20)), size: head.readUInt16LE(0x36), count: head.readUInt16LE(0x38) };
  const PT_INTERP = 3;
  const types = Array.from({ length: count }, (_, each) => at + each * size)
    .filter((offset) => offset + 4 <= head.length)
    .map((offset) => head.readUInt32LE(offset));
  return types.includes(PT_INTERP) ? undefined : path;
}
