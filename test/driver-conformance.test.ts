import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type Outcome } from './cloud.ts';
import { pathOf, requires } from './prerequisites.ts';

const MAIN = fileURLToPath(new URL('../cmd/cloudctl/main.ts', import.meta.url));
const SIM = fileURLToPath(new URL('programs/sim.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROTO = fileURLToPath(new URL('../drivers/contract/proto', import.meta.url));
const PYTHON = fileURLToPath(new URL('python/driver.py', import.meta.url));
const PYTHON_SUBJECT = fileURLToPath(new URL('conformance/python.yaml', import.meta.url));
const SUBJECT = fileURLToPath(new URL('conformance/sim.yaml', import.meta.url));

describe('cloudctl driver conformance', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'conformance-test-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  const check = (subject: string, ...words: readonly string[]): Promise<Outcome> =>
    run(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'driver', 'conformance', '--subject', subject, ...words]);
  const sim = ['--command', `${process.execPath} ${SIM}`];

  test('checks a driver that it starts, and uses what the driver can be made to do', async () => {
    const { code, stdout } = await check(SUBJECT, ...sim, '--only', 'hangs');
    expect(stdout).toContain('ok    an endpoint that hangs holds up no other');
    expect(stdout).toMatch(/\n3 passed, 0 failed, 0 skipped, 0 do not apply\n$/);
    expect(code).toBe(0);
  }, 60_000);

  requires(
    'protoc',
    'protobuf-include',
    'python-grpc',
    'python-protobuf',
  )('of a driver that is not of Node', () => {
    test('passes, for what it is for', async () => {
      const stubs = join(folder, 'stubs');
      await mkdir(stubs);
      const protos = (await readdir(PROTO, { recursive: true })).filter((name) => name.endsWith('.proto'));
      const made = await run(pathOf('protoc'), ['-I', PROTO, `--python_out=${stubs}`, ...protos.map((name) => join(PROTO, name))]);
      expect(made).toMatchObject({ code: 0, stderr: '' });
      const { code, stdout } = await check(PYTHON_SUBJECT, '--command', `/usr/bin/python3 ${PYTHON} --stubs ${stubs}`);
      expect(stdout).toMatch(/\n17 passed, 0 failed, 2 skipped, \d+ do not apply\n$/);
      expect(code).toBe(0);
    }, 60_000);
  });

  test('the guide names files that are there, and its own check passes', async () => {
    const guide = await readFile(join(ROOT, 'docs/write-a-driver.md'), 'utf8');
    const named = [...guide.matchAll(/\b(?:test|drivers)\/[\w./-]*\w/g)].map(([path]) => path);
    expect(named.length).toBeGreaterThan(4);
    await Promise.all(named.map((path) => access(join(ROOT, path))));
    const [, words = ''] = /npm run cloudctl -- (driver conformance .*sim\.ts")/.exec(guide) ?? [];
    const [, subject = '', command = ''] = /--subject (\S+) --command "(.*)"/.exec(words) ?? [];
    const { code, stdout } = await check(join(ROOT, subject), '--command', command, '--only', 'GetInfo');
    expect(stdout).toContain('ok    GetInfo says who answers, the same every time');
    expect(code).toBe(0);
  }, 60_000);

  test('says what a driver does not hold, and fails', async () => {
    const subject = join(folder, 'wrong.yaml');
    const text = await readFile(SUBJECT, 'utf8');
    await writeFile(subject, text.replace('{ cpus: 0 }, field: cpus', '{ cpus: 1 }, field: cpus'));
    const { code, stdout } = await check(subject, ...sim, '--only', 'a wrong configuration');
    expect(stdout).toContain('FAIL  a wrong configuration is refused, by its field');
    expect(stdout).toMatch(/\n1 passed, 1 failed, 0 skipped, 0 do not apply\n$/);
    expect(code).toBe(1);
  }, 60_000);

  test.each([
    ['endpoints: []', [...sim], /wrong\.yaml: endpoints: /],
    ['endpoints: {}\ncolour: blue', [...sim], /wrong\.yaml: : Unrecognized key: "colour"/],
    ['endpoints: {', [...sim], /wrong\.yaml is not YAML/],
    ['endpoints: {}\nskip: { no such check: because }', [...sim], /there is no check "no such check" to skip/],
    ['endpoints: {}', [], /either --command PROGRAM or --address HOST:PORT/],
    ['endpoints: {}', ['--address', '127.0.0.1:1'], /give all three/],
    [
      'endpoints: {}',
      ['--command', `${process.execPath} -e console.log(1)`],
      /gave no handshake: it ended with code 9\n.*bad option: --listen/,
    ],
  ])(
    '%j with %j is one clear error',
    async (text, words, error) => {
      const subject = join(folder, 'wrong.yaml');
      await writeFile(subject, text);
      const { code, stderr } = await check(subject, ...words);
      expect(stderr).toMatch(error);
      expect(stderr).toMatch(/^error: /);
      expect(code).toBe(1);
    },
    30_000,
  );
});
