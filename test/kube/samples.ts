/** The fields of an object of one of our kinds, beside apiVersion, kind and metadata. */
export interface Sample {
  readonly kind: string;
  readonly title: string;
  readonly fields: object;
  /** False: sent with unknown fields ignored. */
  readonly strict?: boolean;
}

export interface ChangeSample extends Sample {
  /** A merge patch. */
  readonly change: object;
}

const selector = { matchLabels: { tier: 'ssd' }, matchExpressions: [{ key: 'rack', operator: 'In', values: ['a', 'b'] }] };
const driver = { name: 'sim' };
const ready = { type: 'Ready', status: 'True', reason: 'AsDeclared', message: '', lastTransitionTime: '2026-11-21T08:00:00Z' };

/** What both homes accept. */
export const ACCEPTED: readonly Sample[] = [
  { kind: 'Zone', title: 'with nothing', fields: {} },
  { kind: 'Zone', title: 'with an empty spec', fields: { spec: {} } },
  {
    kind: 'Zone',
    title: 'with a status that is ignored at creation',
    fields: { spec: { protected: true }, status: { conditions: [ready] } },
  },
  { kind: 'Zone', title: 'with a null that gets its default', fields: { spec: { allocation: null } } },
  { kind: 'Zone', title: 'with an unknown field that is dropped', fields: { spec: { allocation: 'Cordoned', color: 'red' } } },
  { kind: 'Pod', title: 'with defaults two levels deep', fields: { spec: { zone: 'z1' } } },
  { kind: 'Pod', title: 'with half of a nested object', fields: { spec: { zone: 'z1', overcommit: { cpuPercent: 200 }, limits: {} } } },
  { kind: 'Host', title: 'with a driver only', fields: { spec: { pod: 'p1', driver } } },
  {
    kind: 'Host',
    title: 'with everything',
    fields: {
      spec: {
        pod: 'p1',
        driver: { ...driver, endpoint: 'h:1', config: { folder: '/a', deep: { er: [1, 'x', null] } } },
        power: { driver: 'ipmi', config: { a: 1 } },
        outOfService: { bootId: 'b', reason: 'burnt' },
        reserved: { memory: 1073741824 },
        maintenance: true,
      },
    },
  },
  { kind: 'StoragePool', title: 'of a zone', fields: { spec: { scope: { zone: 'z1' }, driver } } },
  { kind: 'Volume', title: 'in a named pool', fields: { spec: { storagePool: 'fast', size: '10Gi' } } },
  {
    kind: 'Volume',
    title: 'by selector with a size in bytes',
    fields: { spec: { poolSelector: selector, size: 1073741824, source: { image: 'debian-13.qcow2' } } },
  },
  { kind: 'VirtualMachine', title: 'with the least', fields: { spec: { cpus: 1, memory: '512Mi' } } },
  {
    kind: 'VirtualMachine',
    title: 'with everything',
    fields: {
      spec: {
        cpus: 2,
        memory: '1.5Gi',
        boot: { kernel: 'vmlinuz', cmdline: 'console=ttyS0' },
        disks: [
          { name: 'root', volume: 'web' },
          { name: 'data', volume: 'web-data', readOnly: true },
        ],
        interfaces: [{ name: 'eth0' }, { name: 'eth1', mode: 'Bridge', bridge: 'br0', mac: '02:00:00:00:00:01' }],
        placement: { zone: 'z1', hostSelector: selector, antiAffinity: [{ topology: 'Host', labelSelector: {} }] },
        userData: { inline: '#cloud-config' },
        abandon: { reason: 'gone' },
      },
    },
  },
];

const leastVm = { cpus: 1, memory: '512Mi' };

/** What both homes refuse. */
export const REFUSED: readonly Sample[] = [
  { kind: 'Zone', title: 'with an unknown field under Strict', fields: { spec: { color: 'red' } } },
  { kind: 'Zone', title: 'with a value that is not in the list', fields: { spec: { allocation: 'Sometimes' } }, strict: false },
  { kind: 'Zone', title: 'with a boolean as text', fields: { spec: { protected: 'yes' } }, strict: false },
  { kind: 'Zone', title: 'with a list as its spec', fields: { spec: [] }, strict: false },
  { kind: 'Pod', title: 'without a spec', fields: {} },
  { kind: 'Pod', title: 'without a zone', fields: { spec: {} } },
  { kind: 'Pod', title: 'with an upper-case name', fields: { spec: { zone: 'Zone' } } },
  { kind: 'Pod', title: 'with too much overcommit', fields: { spec: { zone: 'z', overcommit: { memoryPercent: 1001 } } } },
  { kind: 'Host', title: 'without a driver', fields: { spec: { pod: 'p' } } },
  {
    kind: 'Host',
    title: 'with an empty text where some is needed',
    fields: { spec: { pod: 'p', driver, outOfService: { bootId: '', reason: 'r' } } },
  },
  { kind: 'StoragePool', title: 'in two scopes', fields: { spec: { scope: { zone: 'z', pod: 'p' }, driver } } },
  { kind: 'StoragePool', title: 'in no scope', fields: { spec: { scope: {}, driver } } },
  { kind: 'Volume', title: 'in no pool', fields: { spec: { size: '1Gi' } } },
  { kind: 'Volume', title: 'in two pools', fields: { spec: { size: '1Gi', storagePool: 'a', poolSelector: {} } } },
  { kind: 'Volume', title: 'of a size that is no quantity', fields: { spec: { size: '1 GB', storagePool: 'a' } } },
  { kind: 'Volume', title: 'of a negative size', fields: { spec: { size: -1, storagePool: 'a' } } },
  {
    kind: 'Volume',
    title: 'with a path as its image',
    fields: { spec: { size: '1Gi', storagePool: 'a', source: { image: '../etc/passwd' } } },
  },
  { kind: 'Volume', title: 'with two sources', fields: { spec: { size: '1Gi', storagePool: 'a', source: { image: 'i', volume: 'v' } } } },
  { kind: 'VirtualMachine', title: 'with no memory to speak of', fields: { spec: { cpus: 1, memory: '1Ki' } } },
  { kind: 'VirtualMachine', title: 'with half a CPU', fields: { spec: { ...leastVm, cpus: 0.5 } } },
  {
    kind: 'VirtualMachine',
    title: 'with a bridge in mode User',
    fields: { spec: { ...leastVm, interfaces: [{ name: 'e', bridge: 'b' }] } },
  },
  {
    kind: 'VirtualMachine',
    title: 'with two disks of one name',
    fields: {
      spec: {
        ...leastVm,
        disks: [
          { name: 'a', volume: 'v' },
          { name: 'a', volume: 'w' },
        ],
      },
    },
  },
  {
    kind: 'VirtualMachine',
    title: 'with 25 disks',
    fields: { spec: { ...leastVm, disks: Array.from({ length: 25 }, (_, n) => ({ name: `d${String(n)}`, volume: 'v' })) } },
  },
  { kind: 'VirtualMachine', title: 'with user data from nowhere', fields: { spec: { ...leastVm, userData: {} } } },
  {
    kind: 'VirtualMachine',
    title: 'with a hardware address of the wrong kind',
    fields: { spec: { ...leastVm, interfaces: [{ name: 'e', mac: '03:00:00:00:00:01' }] } },
  },
];

/** Changes of accepted objects, which both homes accept or refuse alike. */
export const CHANGES: readonly ChangeSample[] = [
  { kind: 'Volume', title: 'grows', fields: { spec: { storagePool: 'a', size: '1Gi' } }, change: { spec: { size: '2Gi' } } },
  { kind: 'Volume', title: 'shrinks', fields: { spec: { storagePool: 'a', size: '1Gi' } }, change: { spec: { size: '1Mi' } } },
  {
    kind: 'Volume',
    title: 'says the same size otherwise',
    fields: { spec: { storagePool: 'a', size: '1Gi' } },
    change: { spec: { size: '1024Mi' } },
  },
  { kind: 'Volume', title: 'moves', fields: { spec: { storagePool: 'a', size: '1Gi' } }, change: { spec: { storagePool: 'b' } } },
  {
    kind: 'Volume',
    title: 'gets a source',
    fields: { spec: { storagePool: 'a', size: '1Gi' } },
    change: { spec: { source: { image: 'i' } } },
  },
  { kind: 'Pod', title: 'changes its zone', fields: { spec: { zone: 'a' } }, change: { spec: { zone: 'b' } } },
  { kind: 'Host', title: 'changes its pod', fields: { spec: { pod: 'a', driver } }, change: { spec: { pod: 'b' } } },
  {
    kind: 'StoragePool',
    title: 'changes its scope',
    fields: { spec: { scope: { zone: 'a' }, driver } },
    change: { spec: { scope: { zone: null, pod: 'a' } } },
  },
  {
    kind: 'VirtualMachine',
    title: 'changes its zone',
    fields: { spec: { ...leastVm, placement: { zone: 'a' } } },
    change: { spec: { placement: { zone: 'b' } } },
  },
  { kind: 'VirtualMachine', title: 'gets a zone', fields: { spec: leastVm }, change: { spec: { placement: { zone: 'b' } } } },
  {
    kind: 'VirtualMachine',
    title: 'loses a field that has a default',
    fields: { spec: { ...leastVm, running: false } },
    change: { spec: { running: null } },
  },
  {
    kind: 'VirtualMachine',
    title: 'has its status written through the object',
    fields: { spec: leastVm },
    change: { status: { host: 'h' } },
  },
];
