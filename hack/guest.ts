import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cpio, type CpioEntry } from './cpio.ts';
import { GUEST_INIT, GUEST_MODULES, GUEST_POWER_BUTTON } from './guest-init.ts';
import { guestKernelPackage } from './prerequisites.ts';
import { PREREQUISITES } from './programs.ts';
import { run } from './run.ts';

/** The bare names under which the guest lies in an images folder. */
export const GUEST_KERNEL = 'demo-kernel';
export const GUEST_INITRD = 'demo-initrd';

const FOLDER = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;
const DEVICE = 0o020600;

async function mustRun(program: string, argv: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  const { code, stderr } = await run(program, argv, { cwd }, signal);
  if (code !== 0) throw new Error(`${program} ${argv[0] ?? ''} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`);
}

async function findBusybox(work: string, signal: AbortSignal): Promise<Buffer> {
  const installed = PREREQUISITES.busybox.find();
  if (installed !== undefined) return readFile(installed);
  await mustRun('apt-get', ['-q', 'download', 'busybox-static'], work, signal);
  const file = (await readdir(work)).find((name) => name.startsWith('busybox-static') && name.endsWith('.deb'));
  if (file === undefined) throw new Error('the guest needs busybox-static: sudo apt-get install busybox-static');
  await mustRun('dpkg', ['-x', join(work, file), join(work, 'busybox')], work, signal);
  return readFile(join(work, 'busybox', 'bin', 'busybox'));
}

async function modules(kernel: string): Promise<readonly CpioEntry[]> {
  const root = join(kernel, 'lib', 'modules');
  const wanted = new Set(GUEST_MODULES.map((name) => `${name}.ko`));
  const paths = await readdir(root, { recursive: true });
  const found = paths.filter((path) => wanted.has(basename(path)));
  return Promise.all(
    found.map(async (path) => ({ path: `modules/${basename(path)}`, mode: FILE, bytes: await readFile(join(root, path)) })),
  );
}

async function initrd(kernel: string, busybox: Buffer): Promise<Buffer> {
  const folders = ['bin', 'dev', 'etc', 'etc/acpi', 'etc/acpi/PWRF', 'mnt', 'modules', 'proc', 'sys', 'tmp'];
  return cpio([
    ...folders.map((path) => ({ path, mode: FOLDER })),
    { path: 'dev/console', mode: DEVICE, device: { major: 5, minor: 1 } },
    { path: 'bin/busybox', mode: PROGRAM, bytes: busybox },
    { path: 'init', mode: PROGRAM, bytes: Buffer.from(GUEST_INIT) },
    { path: 'etc/acpi/PWRF/00000080', mode: PROGRAM, bytes: Buffer.from(GUEST_POWER_BUTTON) },
    ...(await modules(kernel)),
  ]);
}

/**
 * Builds a guest that boots in two seconds under TCG, from Debian's cloud kernel and busybox: `demo-kernel` and `demo-initrd` in `folder`.
 * Needs no root and installs nothing; an existing pair is left as it is. Rejects with what to do where a package is missing.
 */
export async function buildGuest(folder: string, signal: AbortSignal): Promise<{ readonly kernel: string; readonly initrd: string }> {
  const files = { kernel: join(folder, GUEST_KERNEL), initrd: join(folder, GUEST_INITRD) };
  await mkdir(folder, { recursive: true });
  const present = new Set(await readdir(folder));
  if (present.has(GUEST_KERNEL) && present.has(GUEST_INITRD)) return files;
  const kernelPackage = await guestKernelPackage(signal);
  if (kernelPackage === undefined) throw new Error("the guest needs Debian's linux-image-cloud-amd64 package, and there is no apt here");
  const work = await mkdtemp(join(tmpdir(), 'lenticular-guest-'));
  try {
    const kernel = join(work, 'kernel');
    await mustRun('dpkg', ['-x', kernelPackage, kernel], work, signal);
    const image = (await readdir(join(kernel, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
    if (image === undefined) throw new Error(`${basename(kernelPackage)} holds no kernel`);
    await place(files.initrd, await initrd(kernel, await findBusybox(work, signal)));
    await place(files.kernel, await readFile(join(kernel, 'boot', image)));
    return files;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** By rename, so that nobody boots half a file. */
async function place(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}

async function main(): Promise<void> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) {
    console.error('Usage: node hack/guest.ts OUT_DIR');
    process.exitCode = 2;
    return;
  }
  const { kernel, initrd: archive } = await buildGuest(resolve(folder), new AbortController().signal);
  console.log(`${kernel}\n${archive}`);
}

if (import.meta.main) await main();
