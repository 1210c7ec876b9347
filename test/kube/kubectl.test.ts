import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type Outcome } from '../cloud.ts';
import { requires } from '../prerequisites.ts';
import { kubectls } from './kubectls.ts';
import { serveApi, type ServedApi } from './served-api.ts';

interface Session {
  readonly home: string;
  readonly namespace: string;
  /** Runs kubectl in the namespace; never rejects. */
  k(...args: readonly string[]): Promise<Outcome>;
  /** As `k`, with a manifest on standard input. */
  feed(manifest: object, ...args: readonly string[]): Promise<Outcome>;
}

let served: ServedApi;
beforeAll(async () => (served = await serveApi()));
afterAll(() => served.close());

async function sessionOf(kubectl: string, namespace: string): Promise<Session> {
  const home = await mkdtemp(join(served.folder, 'home-'));
  const env = { KUBECONFIG: served.kubeconfig, HOME: home, EDITOR: join(home, 'editor') };
  const k = (stdin: string, args: readonly string[]): Promise<Outcome> =>
    run(kubectl, ['-n', namespace, ...args], { stdin, env, timeoutMs: 15_000 });
  return { home, namespace, k: (...args) => k('', args), feed: (manifest, ...args) => k(JSON.stringify(manifest), args) };
}

const vm = (name: string, spec: object = {}, more: object = {}): object => ({
  apiVersion: 'compute.lenticular.dev/v1alpha1',
  kind: 'VirtualMachine',
  metadata: { name },
  spec: { cpus: 2, memory: '512Mi', disks: [{ name: 'root', volume: 'web-root' }], ...spec },
  ...more,
});

const READY = { type: 'Ready', status: 'True', reason: 'Running', message: 'runs', lastTransitionTime: '2026-11-21T08:00:00Z' };

function event(namespace: string, uid: string): object {
  const involvedObject = { apiVersion: 'compute.lenticular.dev/v1alpha1', kind: 'VirtualMachine', namespace, name: 'web', uid };
  const at = new Date(Date.now() - 90_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const times = { firstTimestamp: at, lastTimestamp: at, count: 3 };
  const source = { component: 'virtual-machine-controller' };
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'web.1' },
    involvedObject,
    reason: 'Started',
    message: 'it runs now',
    source,
    ...times,
  };
}

async function versionOf({ k }: Pick<Session, 'k'>, what: string): Promise<string> {
  return (await k('get', what, '-o', 'jsonpath={.metadata.resourceVersion}')).stdout;
}

async function applies({ k, feed }: Session): Promise<void> {
  expect(await feed(vm('web'), 'apply', '-f', '-')).toEqual({
    code: 0,
    stdout: 'virtualmachine.compute.lenticular.dev/web created\n',
    stderr: '',
  });
  const before = await versionOf({ k }, 'vm/web');
  // kubectl itself sends lists whole where an item got a default, and calls that configured; the server sees that nothing changed.
  expect((await feed(vm('web'), 'apply', '-f', '-')).code).toBe(0);
  expect(await versionOf({ k }, 'vm/web')).toBe(before);
  const diff = await feed(vm('web', { cpus: 4 }), 'diff', '-f', '-');
  expect(diff.code).toBe(1);
  expect(diff.stdout).toContain('-  cpus: 2\n+  cpus: 4\n');
  expect((await feed(vm('web', { cpus: 4 }), 'apply', '--dry-run=server', '-f', '-')).stdout).toContain('configured (server dry run)');
  expect(await versionOf({ k }, 'vm/web')).toBe(before);
  expect((await feed(vm('web', { cpus: 4 }), 'apply', '-f', '-')).stdout).toBe('virtualmachine.compute.lenticular.dev/web configured\n');
}

async function shows({ k, feed, namespace }: Session): Promise<void> {
  const wide = await k('get', 'vms', '-o', 'wide');
  expect(wide.stdout).toMatch(
    /^NAME +READY +PHASE +REASON +HOST +CPUS +MEMORY +ADDRESS +ZONE +MESSAGE +AGE\nweb +Unknown +Pending +4 +512Mi +.*\d+s\n$/,
  );
  expect((await k('get', 'vm', 'web', '-o', 'jsonpath={.spec.disks[0].readOnly}')).stdout).toBe('false');
  expect((await k('get', 'vm', 'web', '-o', 'yaml')).stdout).toContain('restartPolicy: Always');
  expect((await k('get', 'all', '-o', 'name')).stdout).toBe('virtualmachine.compute.lenticular.dev/web\n');
  const uid = (await k('get', 'vm', 'web', '-o', 'jsonpath={.metadata.uid}')).stdout;
  expect((await feed(event(namespace, uid), 'create', '-f', '-')).stderr).toBe('');
  expect((await k('describe', 'vm', 'web')).stdout).toMatch(
    /Events:\n.*\n.*\n +Normal +Started +\d+s.* virtual-machine-controller +it runs now/,
  );
  expect((await k('get', 'events')).stdout).toMatch(
    /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n9\ds +Normal +Started +virtualmachine\/web +it runs now\n$/,
  );
}

async function explains({ k }: Session): Promise<void> {
  const field = await k('explain', 'vm.spec.restartPolicy');
  expect(field.stdout).toMatch(/FIELD: restartPolicy <string>[^]*A crash is always a\s+failure\./);
  const all = await k('explain', 'vm', '--recursive');
  expect(all).toMatchObject({ code: 0, stderr: '' });
  expect(all.stdout).toMatch(/metadata\t<ObjectMeta>[^]*finalizers\t<\[\]string>[^]*disks\t<\[\]Object>\n +name\t<string> -required-/);
  expect((await k('explain', 'events')).stdout).toContain('involvedObject');
  expect((await k('api-resources', '--api-group=infra.lenticular.dev', '--no-headers')).stdout).toMatch(
    /^hosts +infra.lenticular.dev\/v1alpha1 +false +Host\npods +rack,racks +infra.lenticular.dev\/v1alpha1 +false +Pod\nzones +infra.lenticular.dev\/v1alpha1 +false +Zone\n$/,
  );
  expect((await k('version')).stdout).toContain('v1.33.0+lenticular-0.1.0');
}

async function changes({ k, home }: Session): Promise<void> {
  expect((await k('label', 'vm', 'web', 'tier=front')).stdout).toContain('labeled');
  expect((await k('annotate', 'vm', 'web', 'note=kept')).code).toBe(0);
  expect((await k('get', 'vm', '-l', 'tier in (front)', '-o', 'name')).stdout).toBe('virtualmachine.compute.lenticular.dev/web\n');
  expect((await k('patch', 'vm', 'web', '--type=merge', '-p', '{"spec":{"running":false}}')).code).toBe(0);
  expect((await k('patch', 'vm', 'web', '--type=json', '-p', '[{"op":"replace","path":"/spec/cpus","value":3}]')).code).toBe(0);
  const editor = join(home, 'editor');
  await writeFile(editor, '#!/bin/sh\nsed -i "s/cpus: 3/cpus: 5/" "$1"\n');
  await chmod(editor, 0o700);
  const edited = await k('edit', 'vm', 'web');
  expect(edited.stdout).toContain('edited');
  expect((await k('get', 'vm', 'web', '-o', 'jsonpath={.spec.cpus} {.spec.running} {.metadata.annotations.note}')).stdout).toBe(
    '5 false kept',
  );
}

async function waits({ k }: Session): Promise<void> {
  const watching = k('get', 'vm', 'web', '-w', '--request-timeout=3s');
  const waiting = k('wait', 'vm/web', '--for=condition=Ready', '--timeout=10s');
  await k('patch', 'vm', 'web', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { conditions: [READY] } }));
  expect((await waiting).stdout).toBe('virtualmachine.compute.lenticular.dev/web condition met\n');
  await k('label', 'vm', 'web', 'seen=yes');
  const lines = (await watching).stdout.trim().split('\n');
  expect(lines[0]).toMatch(/^NAME +READY/);
  expect(lines.filter((line) => /^web +True +Running/.test(line)).length).toBeGreaterThan(0);
  expect(lines.filter((line) => line.startsWith('NAME'))).toHaveLength(1);
}

async function deletes({ k, feed, namespace }: Session): Promise<void> {
  expect((await feed(vm('other'), 'create', '-f', '-')).code).toBe(0);
  expect((await k('delete', 'vm', 'web', '--wait', '--timeout=10s')).stdout).toContain('"web" deleted');
  expect((await k('delete', 'vm', '--all', '--timeout=10s')).stdout).toContain('"other" deleted');
  expect(await k('get', 'vm')).toMatchObject({ code: 0, stdout: '' });
  expect((await feed(vm('last'), 'create', '-f', '-')).code).toBe(0);
  expect((await k('delete', 'namespace', namespace, '--timeout=20s')).stdout).toContain(`"${namespace}" deleted`);
  expect((await k('get', 'vm', '-A', '-o', 'name')).stdout).toBe('');
}

/** What a person sees who makes a mistake: one error that says where and what. */
const MISTAKES: readonly (readonly [mistake: string, manifest: object | undefined, args: readonly string[], error: RegExp])[] = [
  ['an unknown field', vm('bad', { cpuz: 1 }), ['apply', '-f', '-'], /strict decoding error: unknown field "spec\.cpuz"\n$/],
  [
    'a field of the wrong type',
    vm('bad', { cpus: 'two' }),
    ['apply', '-f', '-'],
    /^The VirtualMachine "bad" is invalid: spec\.cpus: Invalid value: "two": .*\n$/,
  ],
  [
    'a value out of bounds',
    vm('bad', { cpus: 0 }),
    ['apply', '-f', '-'],
    /^The VirtualMachine "bad" is invalid: spec\.cpus: Invalid value: 0: .*\n$/,
  ],
  [
    'a missing field',
    vm('bad', { memory: undefined }),
    ['apply', '-f', '-'],
    /^The VirtualMachine "bad" is invalid: spec\.memory: Required value.*\n$/,
  ],
  [
    'a rule that does not hold',
    vm('bad', { memory: '1Ki' }),
    ['apply', '-f', '-'],
    /^The VirtualMachine "bad" is invalid: spec\.memory: .*memory must be at least 1Mi\n$/,
  ],
  [
    'a name that cannot be',
    vm('Bad_Name'),
    ['apply', '-f', '-'],
    /^The VirtualMachine "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": .*\n$/,
  ],
  [
    'a kind that is not served',
    vm('bad', {}, { apiVersion: 'elsewhere.dev/v1' }),
    ['apply', '-f', '-'],
    /no matches for kind "VirtualMachine" in version "elsewhere\.dev\/v1"\nensure CRDs are installed first\n$/,
  ],
  [
    'a namespace that does not exist',
    undefined,
    ['create', '-n', 'nowhere', '-f', 'vm.json'],
    /NotFound.*namespaces "nowhere" not found\n$/,
  ],
  [
    'an object that does not exist',
    undefined,
    ['get', 'vm', 'none'],
    /^Error from server \(NotFound\): virtualmachines\.compute\.lenticular\.dev "none" not found\n$/,
  ],
  ['a resource that does not exist', undefined, ['get', 'nonsense'], /^error: the server doesn't have a resource type "nonsense"\n$/],
  [
    'a patch type that only compiled-in kinds take',
    undefined,
    ['patch', 'zone', 'mistakes', '-p', '{"spec":{}}'],
    /strategic-merge-patch\+json is not supported by infra\.lenticular\.dev\/v1alpha1, Kind=Zone: .*\n$/,
  ],
  [
    'server-side apply',
    vm('bad'),
    ['apply', '--server-side', '-f', '-'],
    /server-side apply is not served by this server: use kubectl apply without --server-side\)?\n$/,
  ],
  [
    'a selector that cannot be read',
    undefined,
    ['get', 'vm', '--field-selector', 'spec.nothing=1'],
    /^Error from server \(BadRequest\): .*spec\.nothing.*\n$/,
  ],
  [
    'a body of 4 MiB',
    vm('bad', { userData: { inline: 'x'.repeat(4 * 1024 * 1024) } }),
    ['create', '-f', '-'],
    /^Error from server \(RequestEntityTooLarge\): .*larger than 3145728 bytes\n$/,
  ],
];

requires('kubectl')('kubectl', () => {
  describe.each(kubectls())('%s', (name, path) => {
    const namespace = name.replaceAll('.', '-');
    let session: Session;
    beforeAll(async () => {
      session = await sessionOf(path, namespace);
      expect((await session.k('create', 'namespace', namespace)).stderr).toBe('');
    });

    test('applies a file once, and a second time changes nothing', () => applies(session));
    test('shows objects as tables, text and with their events', () => shows(session));
    test('explains every field and knows every resource', () => explains(session));
    test('changes objects by label, patch and editor', () => changes(session));
    test('follows changes and waits for them', () => waits(session));
    test('deletes and waits until the object is gone, and a namespace with what it holds', () => deletes(session), 30_000);
  });

  describe('a mistake', () => {
    let session: Session;
    beforeAll(async () => {
      session = await sessionOf(kubectls().at(-1)?.[1] ?? '', 'default');
      await session.feed(
        { apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Zone', metadata: { name: 'mistakes' } },
        'create',
        '-f',
        '-',
      );
    });

    test.each(MISTAKES)('such as %s gets one clear error', async (_, manifest, args, error) => {
      await writeFile(join(session.home, 'vm.json'), JSON.stringify(vm('bad')));
      const words = args.map((word) => (word === 'vm.json' ? join(session.home, word) : word));
      const outcome = manifest === undefined ? await session.k(...words) : await session.feed(manifest, ...words);
      expect(outcome.code).toBe(1);
      expect(outcome.stdout).toBe('');
      expect(outcome.stderr).toMatch(error);
      expect(outcome.stderr).not.toContain('<');
      expect(outcome.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    });
  });
});
