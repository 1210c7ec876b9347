// Who may lean on whom: docs/architecture.md in a form that a machine checks. Types count as much as values.
// test/static/imports.test.ts plants one violation of each rule and sees exactly that rule caught.

const ROOMS = '^(apis|server|client|controllers|drivers)/';
const SHIPPED = '^(apis|server|client|controllers|drivers|cmd)/';
const TEST = '\\.test\\.ts$';
/** Suites that every implementation of a contract runs; only tests run this one. */
const STORE_SUITE = '^server/store/conformance';
const API_KIND = '^apis/([^/]+)/(v[^/]+)/([^/]+)/';
const PLAN = '^controllers/([^/]+)/(plan|schedule)';
const PLAN_OF_SAME_KIND = '^controllers/$1/(plan|schedule)';
const DRIVER = '^drivers/(?!contract/|serve/|dial/)([^/]+)/';

/** A package by name, wherever npm put it. */
const npm = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})(/|$)`;
/** A module that Node brings, with or without its prefix. */
const builtin = (...names) => `^(node:)?(${names.join('|')})$`;

/** A forbidden edge; `from` and `to` are patterns or dependency-cruiser's own restrictions; tests may lean on anything. */
function forbid(name, comment, from, to) {
  const restriction = typeof from === 'string' ? { path: from } : from;
  const pathNot = [TEST, ...[restriction.pathNot ?? []].flat()];
  return { name, comment, severity: 'error', from: { ...restriction, pathNot }, to: typeof to === 'string' ? { path: to } : to };
}

const everywhere = [
  { name: 'no-cycles', comment: 'A cycle has no first reader.', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-lost-imports',
    comment: 'What cannot be resolved cannot be checked.',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-barrels',
    comment: 'A thing is imported from the file that defines it.',
    severity: 'error',
    from: {},
    to: { path: '(^|/)index\\.m?[jt]s$', pathNot: 'node_modules' },
  },
  {
    name: 'no-drawers',
    comment: 'utils, helpers and common have no concept, so they collect everything.',
    severity: 'error',
    from: {},
    to: { path: '(^|/)(utils?|helpers?|commons?)(/|\\.m?[jt]s$)', pathNot: 'node_modules' },
  },
  {
    name: 'no-undeclared-packages',
    comment: 'A package that package.json does not name may vanish with the one that brought it.',
    severity: 'error',
    from: { pathNot: '\\.mjs$' },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'nobody-imports-a-test',
    comment: 'A test is a program of its own.',
    severity: 'error',
    from: {},
    to: { path: TEST },
  },
  forbid(
    'no-dev-packages-in-shipped-code',
    'Users install without the developers’ packages.',
    { path: SHIPPED, pathNot: STORE_SUITE },
    {
      dependencyTypes: ['npm-dev'],
      dependencyTypesNot: ['type-only'],
      pathNot: '(^|/)node_modules/@types/',
    },
  ),
];

const nobody = [
  forbid('nobody-imports-cmd', 'Wiring is the last thing that happens; who needs it is upside down.', ROOMS, '^cmd/'),
  forbid('nobody-imports-test', 'Whole-system tests look at the house from outside.', SHIPPED, '^test/'),
  forbid('nobody-imports-hack', 'Developers’ scripts and benchmarks are not shipped.', SHIPPED, '^(hack|bench)/'),
  forbid(
    'cloudctl-speaks-only-the-api',
    'What the CLI can do, every client can do.',
    '^cmd/cloudctl/',
    '^(server|controllers)/|^cmd/cloudd/',
  ),
];

const apis = [
  forbid('apis-lean-on-zod-only', 'What exists does not depend on who serves or stores it.', '^apis/', {
    pathNot: ['^apis/', npm('zod')],
  }),
  forbid('api-kinds-never-meet', 'Kinds refer to each other by name, in the object, never in the code.', API_KIND, {
    path: API_KIND,
    pathNot: '^apis/$1/$2/$3/',
  }),
  forbid(
    'api-kinds-know-no-catalog',
    'The catalog lists the kinds; a kind that reads it would switch on kinds.',
    API_KIND,
    '^apis/[^/]+\\.ts$',
  ),
  forbid('api-meta-knows-no-kind', 'What is shared by all kinds is not about one.', '^apis/meta/', '^apis/(?!meta/)'),
];

const controllers = [
  forbid('plans-lean-on-apis-only', 'A planner sees only its arguments: values come from apis and other plans of its kind.', PLAN, {
    pathNot: ['^apis/', '^controllers/runtime/plan\\.ts$', PLAN_OF_SAME_KIND],
    dependencyTypesNot: ['type-only'],
  }),
  forbid('controllers-never-meet', 'One kind, one writer: kinds meet in objects, never in code.', '^controllers/(?!runtime/)([^/]+)/', {
    path: '^controllers/(?!runtime/)',
    pathNot: '^controllers/$1/',
  }),
  forbid('runtime-knows-no-controller', 'The round is the same for every kind.', '^controllers/runtime/', '^controllers/(?!runtime/)'),
  forbid(
    'runtime-knows-no-kind',
    'The runtime knows no kind, but for the Events it records and the Leases it holds.',
    '^controllers/runtime/',
    {
      path: API_KIND,
      pathNot: '^apis/[^/]+/v[^/]+/(event|lease)/',
    },
  ),
  forbid(
    'controllers-know-no-server',
    'Controllers run on any Kubernetes API: what they know of it, client says.',
    '^controllers/',
    '^server/',
  ),
  forbid(
    'controllers-know-the-driver-contract-only',
    'A driver is a process of its own, and any driver will do.',
    '^controllers/',
    '^drivers/(?!contract/)',
  ),
];

const drivers = [
  forbid(
    'drivers-know-no-api',
    'A driver knows machines, disks and hosts, and never an API object.',
    '^drivers/',
    '^(apis|server|client|controllers)/',
  ),
  forbid(
    'driver-contract-leans-on-nothing',
    'Anyone can implement the contract, and a simulation plugs in directly.',
    '^drivers/contract/(?!conformance/)',
    {
      pathNot: ['^drivers/contract/', npm('@bufbuild/protobuf')],
    },
  ),
  forbid(
    'conformance-judges-with-expect',
    'Any driver is checked from outside, by whoever has written it: nothing but the contract and what judges it.',
    '^drivers/contract/conformance/',
    { pathNot: ['^drivers/contract/', npm('expect')] },
  ),
  forbid(
    'driver-serve-knows-the-contract-only',
    'Any implementation becomes a process the same way.',
    '^drivers/serve/',
    '^drivers/(?!serve/|contract/)',
  ),
  forbid(
    'driver-dial-knows-the-contract-only',
    'Any driver is started and supervised the same way.',
    '^drivers/dial/',
    '^drivers/(?!dial/|contract/)',
  ),
  forbid('driver-implementations-stand-alone', 'An implementation knows the contract and how to be served, nothing else.', DRIVER, {
    path: '^drivers/',
    pathNot: ['^drivers/$1/', '^drivers/(serve|contract)/'],
  }),
];

const server = [
  forbid(
    'server-never-meets-controllers',
    'The API serves whoever asks; in one process cmd passes the transport in.',
    '^server/',
    '^(client|controllers|drivers)/',
  ),
  forbid(
    'client-leans-on-apis-only',
    'The client speaks to any server of the API, so it knows none.',
    '^client/',
    '^(server|controllers|drivers)/',
  ),
  forbid('store-is-the-floor', 'http -> verbs -> admission -> registry -> store: the store knows nobody above it.', '^server/store/', {
    path: '^server/',
    pathNot: '^server/store/',
  }),
  forbid('registry-leans-on-the-store', 'What is true of any object holds whoever asks.', '^server/registry/', {
    path: '^server/',
    pathNot: '^server/(registry|store)/',
  }),
  forbid(
    'admission-knows-no-verb',
    'Admission judges an object, not the request that brought it.',
    '^server/admission/',
    '^server/(verbs|http|lifecycle)/',
  ),
  forbid('verbs-know-no-http', 'In one process the verbs are called without a socket.', '^server/verbs/', '^server/(http|lifecycle)/'),
  forbid('http-knows-no-loop', 'Bytes to ApiRequest and back, nothing else.', '^server/http/', '^server/lifecycle/'),
  forbid(
    'lifecycle-leans-on-registry-and-store',
    'Loops of the server change objects as everybody does: through the registry.',
    '^server/lifecycle/',
    {
      path: '^server/(http|verbs|admission)/',
    },
  ),
];

const fences = [
  forbid(
    'only-store-speaks-etcd',
    'etcd3 has defects that one room guards against.',
    { pathNot: '^(server/store|test|hack)/' },
    npm('etcd3'),
  ),
  forbid(
    'only-store-speaks-sql',
    'One room knows how objects lie on disk; sim keeps its world its own way.',
    { pathNot: '^(server/store|drivers/sim|test|hack)/' },
    builtin('sqlite'),
  ),
  forbid(
    'only-http-knows-express',
    'Verbs are called without it in one process.',
    { pathNot: '^(server/http|test|hack)/' },
    npm('express'),
  ),
  forbid(
    'only-client-knows-client-node',
    'It is heavy, and its informer is fenced off.',
    { pathNot: '^(client|test|hack)/' },
    npm('@kubernetes/client-node'),
  ),
  forbid(
    'only-serve-dial-and-store-speak-grpc',
    'The contract is interfaces; gRPC is one way to carry it.',
    {
      pathNot: '^(drivers/serve|drivers/dial|server/store|test|hack)/',
    },
    npm('@grpc/grpc-js', '@grpc/proto-loader'),
  ),
  forbid(
    'few-start-processes',
    'A process that is started is a process that must be found and ended again.',
    {
      pathNot: ['^(drivers/dial|drivers/serve|test|hack|bench)/', '^cmd/cloudctl/driver-subject', DRIVER],
    },
    builtin('child_process', 'cluster'),
  ),
  forbid(
    'driver-role-loads-no-api',
    'A driver process stays small: neither the API nor client-node, not even on demand.',
    '^cmd/cloudd/driver',
    {
      path: `^(apis|server|client|controllers)/|${npm('@kubernetes/client-node')}`,
      reachable: true,
    },
  ),
];

export default {
  forbidden: [...everywhere, ...nobody, ...apis, ...controllers, ...drivers, ...server, ...fences],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(coverage|tmp|bench/out|docs|manifests)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], mainFields: ['main'] },
  },
};
