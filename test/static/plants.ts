/** A violation of exactly one import rule, or, without a rule, an edge that must stay allowed. */
export interface Plant {
  readonly rule?: string;
  readonly why: string;
  readonly files: Readonly<Record<string, string>>;
}

const value = (specifier: string) => `import { it } from '${specifier}';\nexport const that = it;\n`;
const type = (specifier: string) => `import type { It } from '${specifier}';\nexport type That = It;\n`;
const dynamic = (specifier: string) => `export const load = () => import('${specifier}');\n`;
const leaf = 'export const it = 1;\nexport type It = number;\n';

/** The files that plants lean on. */
const ground: Plant = {
  why: 'a file leans on nothing',
  files: Object.fromEntries(
    [
      'apis/meta/clock.ts',
      'apis/catalog.ts',
      'apis/core/v1/event/schema.ts',
      'apis/storage/v1alpha1/volume/schema.ts',
      'apis/infra/v1alpha1/host/schema.ts',
      'server/http/serve.ts',
      'server/verbs/get.ts',
      'server/admission/decode.ts',
      'server/registry/registry.ts',
      'server/lifecycle/collect.ts',
      'server/store/store.ts',
      'client/transport.ts',
      'controllers/runtime/plan.ts',
      'controllers/runtime/queue.ts',
      'controllers/volume/plan.ts',
      'controllers/volume/controller.ts',
      'drivers/contract/disk.ts',
      'drivers/contract/driver-error.ts',
      'drivers/serve/serve.ts',
      'drivers/dial/dial.ts',
      'drivers/sim/world.ts',
      'cmd/cloudd/up.ts',
      'hack/build.ts',
      'test/story.ts',
    ].map((path) => [path, leaf]),
  ),
};

const everywhere: readonly Plant[] = [
  {
    rule: 'no-cycles',
    why: 'two files of one room, by their types alone',
    files: { 'client/a.ts': type('./b.ts'), 'client/b.ts': type('./a.ts') },
  },
  { rule: 'no-lost-imports', why: 'a file that is not there', files: { 'client/lost.ts': value('./nowhere.ts') } },
  { rule: 'no-barrels', why: 'an index', files: { 'client/from-barrel.ts': value('./room/index.ts'), 'client/room/index.ts': leaf } },
  {
    rule: 'no-drawers',
    why: 'a folder of helpers',
    files: { 'client/from-drawer.ts': value('./helpers/it.ts'), 'client/helpers/it.ts': leaf },
  },
  {
    rule: 'no-drawers',
    why: 'a file named utils',
    files: { 'server/verbs/from-drawer.ts': value('./utils.ts'), 'server/verbs/utils.ts': leaf },
  },
  { rule: 'no-undeclared-packages', why: 'a package that another one brought', files: { 'client/undeclared.ts': value('undeclared') } },
  {
    rule: 'nobody-imports-a-test',
    why: 'one test leans on another',
    files: { 'client/one.test.ts': value('./two.test.ts'), 'client/two.test.ts': leaf },
  },
  { rule: 'no-dev-packages-in-shipped-code', why: 'a generator of examples', files: { 'server/verbs/dev.ts': value('fast-check') } },
  { why: 'the suite of the stores uses the developers’ packages', files: { 'server/store/conformance.ts': value('fast-check') } },
];

const nobody: readonly Plant[] = [
  { rule: 'nobody-imports-cmd', why: 'the server reads the wiring', files: { 'server/verbs/cmd.ts': value('../../cmd/cloudd/up.ts') } },
  { rule: 'nobody-imports-test', why: 'the client leans on a story', files: { 'client/test.ts': value('../test/story.ts') } },
  { rule: 'nobody-imports-hack', why: 'a command leans on a script', files: { 'cmd/cloudd/hack.ts': value('../../hack/build.ts') } },
  {
    rule: 'cloudctl-speaks-only-the-api',
    why: 'the CLI reads the registry',
    files: { 'cmd/cloudctl/get.ts': value('../../server/registry/registry.ts') },
  },
  { why: 'a test leans on the shared parts of test', files: { 'client/story.test.ts': value('../test/story.ts') } },
  {
    why: 'cmd wires everything',
    files: {
      'cmd/cloudd/wire.ts': `import { it as server } from '../../server/http/serve.ts';
import { it as controller } from '../../controllers/volume/controller.ts';
import { it as dial } from '../../drivers/dial/dial.ts';
export const all = [server, controller, dial];
`,
    },
  },
];

const apis: readonly Plant[] = [
  { rule: 'apis-lean-on-zod-only', why: 'a schema knows the store', files: { 'apis/storage.ts': type('../server/store/store.ts') } },
  {
    rule: 'apis-lean-on-zod-only',
    why: 'a schema reads a file',
    files: { 'apis/meta/file.ts': "export { readFileSync } from 'node:fs';\n" },
  },
  { rule: 'apis-lean-on-zod-only', why: 'a schema knows another package', files: { 'apis/meta/grpc.ts': value('@bufbuild/protobuf') } },
  {
    rule: 'api-kinds-never-meet',
    why: 'a volume reads the schema of a host',
    files: { 'apis/storage/v1alpha1/volume/host.ts': type('../../../infra/v1alpha1/host/schema.ts') },
  },
  {
    rule: 'api-kinds-never-meet',
    why: 'neighbours of one group meet',
    files: { 'apis/storage/v1alpha1/pool/volume.ts': type('../volume/schema.ts') },
  },
  {
    rule: 'api-kinds-know-no-catalog',
    why: 'a kind asks which kinds exist',
    files: { 'apis/storage/v1alpha1/volume/catalog.ts': type('../../../catalog.ts') },
  },
  {
    rule: 'api-meta-knows-no-kind',
    why: 'metadata knows a volume',
    files: { 'apis/meta/volume.ts': type('../storage/v1alpha1/volume/schema.ts') },
  },
  {
    why: 'a schema leans on zod and meta',
    files: { 'apis/storage/v1alpha1/volume/kind.ts': `${value('zod')}${type('../../../meta/clock.ts')}` },
  },
  { why: 'the catalog lists the kinds', files: { 'apis/list.ts': value('./storage/v1alpha1/volume/schema.ts') } },
];

const controllers: readonly Plant[] = [
  {
    rule: 'plans-lean-on-apis-only',
    why: 'a planner calls the client',
    files: { 'controllers/zone/plan.ts': value('../../client/transport.ts') },
  },
  {
    rule: 'plans-lean-on-apis-only',
    why: 'a stage reads a file',
    files: { 'controllers/host/plan/joining.ts': "export { readFileSync } from 'node:fs';\n" },
  },
  {
    rule: 'plans-lean-on-apis-only',
    why: 'a scheduler asks a driver',
    files: { 'controllers/vm/schedule.ts': value('../../drivers/contract/disk.ts') },
  },
  {
    rule: 'controllers-never-meet',
    why: 'a pool reads the plan of a volume',
    files: { 'controllers/pool/controller.ts': type('../volume/plan.ts') },
  },
  {
    rule: 'runtime-knows-no-controller',
    why: 'the queue knows volumes',
    files: { 'controllers/runtime/volumes.ts': type('../volume/controller.ts') },
  },
  {
    rule: 'runtime-knows-no-kind',
    why: 'the round knows a volume',
    files: { 'controllers/runtime/reconcile.ts': type('../../apis/storage/v1alpha1/volume/schema.ts') },
  },
  {
    rule: 'controllers-know-no-server',
    why: 'a controller reads the registry',
    files: { 'controllers/volume/registry.ts': type('../../server/registry/registry.ts') },
  },
  {
    rule: 'controllers-know-the-driver-contract-only',
    why: 'a controller knows sim',
    files: { 'controllers/volume/sim.ts': type('../../drivers/sim/world.ts') },
  },
  {
    rule: 'controllers-know-the-driver-contract-only',
    why: 'a controller dials',
    files: { 'controllers/volume/dial.ts': type('../../drivers/dial/dial.ts') },
  },
  {
    why: 'a planner leans on apis, the plan type, its own other plans and types of the contract',
    files: {
      'controllers/host/plan/leaving.ts': `import { it } from '../schedule.ts';
import { it as schema } from '../../../apis/infra/v1alpha1/host/schema.ts';
import { it as plan } from '../../runtime/plan.ts';
import type { It } from '../../../drivers/contract/disk.ts';
export const all: It[] = [it, schema, plan];
`,
      'controllers/host/schedule.ts': leaf,
    },
  },
  { why: 'the runtime records Events', files: { 'controllers/runtime/events.ts': type('../../apis/core/v1/event/schema.ts') } },
  {
    why: 'a controller leans on its plan, the client, the runtime and the contract',
    files: {
      'controllers/volume/observe.ts': `import { it } from './plan.ts';
import { it as transport } from '../../client/transport.ts';
import { it as queue } from '../runtime/queue.ts';
import { it as error } from '../../drivers/contract/driver-error.ts';
export const all = [it, transport, queue, error];
`,
    },
  },
  {
    why: 'the test of a controller runs on the real registry and sim',
    files: { 'controllers/volume/world.test.ts': `${value('../../server/registry/registry.ts')}${type('../../drivers/sim/world.ts')}` },
  },
];

const drivers: readonly Plant[] = [
  {
    rule: 'drivers-know-no-api',
    why: 'sim knows an API object',
    files: { 'drivers/sim/volume.ts': type('../../apis/storage/v1alpha1/volume/schema.ts') },
  },
  { rule: 'drivers-know-no-api', why: 'dial knows the client', files: { 'drivers/dial/client.ts': type('../../client/transport.ts') } },
  {
    rule: 'driver-contract-leans-on-nothing',
    why: 'the contract reads a file',
    files: { 'drivers/contract/file.ts': "export { readFileSync } from 'node:fs';\n" },
  },
  {
    rule: 'driver-contract-leans-on-nothing',
    why: 'the contract knows an implementation',
    files: { 'drivers/contract/sim.ts': type('../sim/world.ts') },
  },
  {
    rule: 'conformance-judges-with-expect',
    why: 'a check knows an implementation',
    files: { 'drivers/contract/conformance/sim-checks.ts': type('../../sim/world.ts') },
  },
  { why: 'serve starts a program', files: { 'drivers/serve/spawn.ts': "export { spawn } from 'node:child_process';\n" } },
  { rule: 'driver-serve-knows-the-contract-only', why: 'serve knows sim', files: { 'drivers/serve/sim.ts': type('../sim/world.ts') } },
  { rule: 'driver-dial-knows-the-contract-only', why: 'dial knows serve', files: { 'drivers/dial/serve.ts': type('../serve/serve.ts') } },
  { rule: 'driver-implementations-stand-alone', why: 'qemu knows sim', files: { 'drivers/qemu/sim.ts': type('../sim/world.ts') } },
  { rule: 'driver-implementations-stand-alone', why: 'qemu dials', files: { 'drivers/qemu/dial.ts': type('../dial/dial.ts') } },
  { why: 'the contract leans on protobuf', files: { 'drivers/contract/wire.ts': value('@bufbuild/protobuf') } },
  { why: 'an implementation is served', files: { 'drivers/sim/main.ts': value('../serve/serve.ts') } },
];

const server: readonly Plant[] = [
  {
    rule: 'server-never-meets-controllers',
    why: 'a verb knows a controller',
    files: { 'server/verbs/controller.ts': type('../../controllers/volume/controller.ts') },
  },
  {
    rule: 'server-never-meets-controllers',
    why: 'the server asks the client',
    files: { 'server/lifecycle/client.ts': type('../../client/transport.ts') },
  },
  { rule: 'client-leans-on-apis-only', why: 'the client knows a verb', files: { 'client/in-process.ts': type('../server/verbs/get.ts') } },
  {
    rule: 'store-is-the-floor',
    why: 'the store knows the registry',
    files: { 'server/store/registry.ts': type('../registry/registry.ts') },
  },
  {
    rule: 'registry-leans-on-the-store',
    why: 'the registry admits',
    files: { 'server/registry/admit.ts': type('../admission/decode.ts') },
  },
  { rule: 'admission-knows-no-verb', why: 'admission knows a verb', files: { 'server/admission/verb.ts': type('../verbs/get.ts') } },
  { rule: 'verbs-know-no-http', why: 'a verb knows a socket', files: { 'server/verbs/socket.ts': type('../http/serve.ts') } },
  { rule: 'http-knows-no-loop', why: 'http starts a loop', files: { 'server/http/loop.ts': type('../lifecycle/collect.ts') } },
  {
    rule: 'lifecycle-leans-on-registry-and-store',
    why: 'a loop calls a verb',
    files: { 'server/lifecycle/verb.ts': type('../verbs/get.ts') },
  },
  {
    why: 'the server leans downwards',
    files: {
      'server/http/down.ts': value('../verbs/get.ts'),
      'server/verbs/down.ts': `${value('../admission/decode.ts')}${type('../registry/registry.ts')}`,
      'server/registry/down.ts': value('../store/store.ts'),
      'server/lifecycle/down.ts': `${value('../registry/registry.ts')}${type('../store/store.ts')}`,
    },
  },
];

const fences: readonly Plant[] = [
  { rule: 'only-store-speaks-etcd', why: 'the registry reads etcd', files: { 'server/registry/etcd.ts': value('etcd3') } },
  { rule: 'only-store-speaks-etcd', why: 'cmd reads etcd, if only on demand', files: { 'cmd/cloudd/etcd.ts': dynamic('etcd3') } },
  {
    rule: 'only-store-speaks-sql',
    why: 'the registry speaks SQL',
    files: { 'server/registry/sql.ts': "export { DatabaseSync } from 'node:sqlite';\n" },
  },
  { rule: 'only-http-knows-express', why: 'a verb knows express', files: { 'server/verbs/express.ts': type('express') } },
  {
    rule: 'only-client-knows-client-node',
    why: 'a controller knows it',
    files: { 'controllers/volume/client-node.ts': type('@kubernetes/client-node') },
  },
  { rule: 'only-serve-dial-and-store-speak-grpc', why: 'sim speaks gRPC itself', files: { 'drivers/sim/grpc.ts': value('@grpc/grpc-js') } },
  {
    rule: 'few-start-processes',
    why: 'the server starts one',
    files: { 'server/verbs/spawn.ts': "export { spawn } from 'node:child_process';\n" },
  },
  {
    rule: 'few-start-processes',
    why: 'the client starts one',
    files: { 'client/spawn.ts': "export { spawn } from 'node:child_process';\n" },
  },
  {
    rule: 'driver-role-loads-no-api',
    why: 'the driver role reaches the API over another file, on demand',
    files: { 'cmd/cloudd/driver.ts': dynamic('./driver-names.ts'), 'cmd/cloudd/driver-names.ts': value('../../apis/catalog.ts') },
  },
  {
    why: 'each room uses what it fences',
    files: {
      'server/store/etcd.ts': value('etcd3'),
      'server/store/raw-watch.ts': value('@grpc/grpc-js'),
      'server/store/sqlite.ts': "export { DatabaseSync } from 'node:sqlite';\n",
      'drivers/sim/file.ts': "export { DatabaseSync } from 'node:sqlite';\n",
      'server/http/app.ts': value('express'),
      'client/kubeconfig.ts': value('@kubernetes/client-node'),
      'drivers/serve/grpc.ts': value('@grpc/grpc-js'),
      'drivers/qemu/spawn.ts': "export { spawn } from 'node:child_process';\n",
      'drivers/dial/spawn.ts': "export { spawn } from 'node:child_process';\n",
    },
  },
];

/** At least one plant for each rule of .dependency-cruiser.mjs, and the edges beside them that must stay open. */
export const plants: readonly Plant[] = [ground, ...everywhere, ...nobody, ...apis, ...controllers, ...drivers, ...server, ...fences];
