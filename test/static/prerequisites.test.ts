import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly { readonly fullName: string }[] }[];
}

const project = join(import.meta.dirname, '../..');
const planted = `import { requires } from '${join(project, 'test/prerequisites.ts')}';
requires()('without a need', () => { test('runs', () => {}); });
requires('etcd', 'KUBEBUILDER_ASSETS')('the store', () => { test('one', () => {}); test('two', () => {}); });
`;

describe('tests that need a program', () => {
  let root = '';

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lenticular-requires-'));
    await symlink(join(project, 'node_modules'), join(root, 'node_modules'));
    await writeFile(join(root, 'planted.test.ts'), planted);
    await writeFile(
      join(root, 'jest.config.mjs'),
      `import config from '${join(project, 'jest.config.mjs')}';\nexport default { ...config.projects[0], rootDir: '${root}', testMatch: ['<rootDir>/*.test.ts'] };\n`,
    );
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  async function runIn(environment: Readonly<Record<string, string>>): Promise<Report> {
    const jest = join(project, 'node_modules/jest/bin/jest.js');
    const args = ['--experimental-vm-modules', jest, '--json', '--outputFile=report.json'];
    // Nothing of this machine's is on the PATH; a bad exit is what one of the tests is about.
    await promisify(execFile)(process.execPath, args, { cwd: root, env: { PATH: root, ...environment } }).catch(() => undefined);
    return JSON.parse(await readFile(join(root, 'report.json'), 'utf8')) as Report;
  }

  const titlesOf = ({ testResults }: Report) =>
    testResults.flatMap(({ assertionResults }) => assertionResults.map(({ fullName }) => fullName));

  test('are skipped by name where the machine lacks it, and the name says what to do', async () => {
    const report = await runIn({});
    expect(report).toMatchObject({ numPassedTests: 1, numFailedTests: 0, numPendingTests: 2 });
    expect(titlesOf(report)[1]).toMatch(
      /^the store, skipped without etcd \(.*apt-get install etcd-server\), KUBEBUILDER_ASSETS \(.*\) one$/,
    );
  }, 30_000);

  test('fail with CI=true where the machine lacks it', async () => {
    const report = await runIn({ CI: 'true' });
    expect(report).toMatchObject({ numPassedTests: 1, numFailedTests: 1, numPendingTests: 0 });
  }, 30_000);
});
