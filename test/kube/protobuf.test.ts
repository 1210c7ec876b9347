import { join } from 'node:path';
import { run, type Outcome } from '../cloud.ts';
import { requires } from '../prerequisites.ts';
import { kubectls } from './kubectls.ts';
import { serveApi, type ServedApi } from './served-api.ts';

let served: ServedApi;
beforeAll(async () => (served = await serveApi()));
afterAll(() => served.close());

requires('kubectl')('a namespace that kubectl makes, in JSON before 1.32 and in protobuf since', () => {
  test.each(kubectls().map(([name, path], index) => [name, path, `shop-${index}`] as const))(
    'is checked and stored alike, with %s',
    async (_, kubectl, name) => {
      const env = { HOME: served.folder, KUBECONFIG: join(served.folder, 'kubeconfig') };
      const make = (...args: readonly string[]): Promise<Outcome> =>
        run(kubectl, ['create', 'namespace', ...args, '-o', 'jsonpath={.spec.finalizers[0]} {.status.phase}'], { env, timeoutMs: 15_000 });
      expect(await make(name, '--dry-run=server')).toMatchObject({ code: 0, stdout: 'kubernetes Active' });
      expect(await make(name)).toMatchObject({ code: 0, stdout: 'kubernetes Active' });
      expect((await make(name)).stderr).toContain('(AlreadyExists)');
      expect((await make('Not_A_Name')).stderr).toContain('metadata.name');
    },
    60_000,
  );
});
