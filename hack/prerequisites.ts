import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_FOLDER, cachedKernelPackage, onPath, PREREQUISITES, type Prerequisite } from './programs.ts';
import { run, type Ended } from './run.ts';

const KERNEL = 'linux-image-cloud-amd64';

function isDebian(): boolean {
  return existsSync('/etc/debian_version') && onPath('apt-get') !== undefined;
}

function lackingPackages(): readonly string[] {
  const lacking: readonly Prerequisite[] = Object.values(PREREQUISITES).filter(({ find }) => find() === undefined);
  return lacking.flatMap(({ debian }) => debian ?? []);
}

async function apt(args: readonly string[], signal: AbortSignal): Promise<Ended> {
  return run('apt-get', ['-q', ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } }, signal);
}

/** Throws what apt said, with its last lines, where it failed. */
function mustHaveWorked(what: string, { code, stdout, stderr }: Ended): void {
  if (code !== 0) throw new Error(`${what} failed:\n${(stdout + stderr).trim().split('\n').slice(-8).join('\n')}`);
}

/** Installs the Debian packages that tests lack; where this is not root on Debian it prints the exact command instead. */
async function installPackages(signal: AbortSignal): Promise<void> {
  const packages = lackingPackages();
  if (packages.length === 0) return;
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!isDebian() || process.getuid?.() !== 0) {
    console.log(`Tests that need more programs are skipped by name. On Debian, bring them with:\n  sudo ${command}`);
    return;
  }
  console.log(`Installing for the tests: ${packages.join(' ')}`);
  mustHaveWorked('apt-get update', await apt(['update'], signal));
  mustHaveWorked(command, await apt(['install', '-y', '--no-install-recommends', ...packages], signal));
}

/** The cache folder, made if need be; refused where another user could have put files into it. */
async function ownCacheFolder(): Promise<string> {
  await mkdir(CACHE_FOLDER, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(CACHE_FOLDER);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0)
    throw new Error(`${CACHE_FOLDER} belongs to somebody else: remove it and try again`);
  return CACHE_FOLDER;
}

/** The package that Debian's name for "the current cloud kernel" stands for, or undefined where apt does not know it. */
async function kernelPackageName(signal: AbortSignal): Promise<string | undefined> {
  const { stdout } = await run('apt-cache', ['depends', '--important', KERNEL], {}, signal);
  return /Depends: (linux-image-\S+-cloud-amd64)/.exec(stdout)?.[1];
}

/**
 * The path of Debian's kernel package for guests, downloaded once into a folder of the user's own and never installed.
 * Undefined where there is no apt; throws where the download fails.
 */
export async function guestKernelPackage(signal: AbortSignal): Promise<string | undefined> {
  const cached = cachedKernelPackage();
  if (cached !== undefined || !isDebian()) return cached;
  let name = await kernelPackageName(signal);
  if (name === undefined && process.getuid?.() === 0) {
    mustHaveWorked('apt-get update', await apt(['update'], signal));
    name = await kernelPackageName(signal);
  }
  if (name === undefined) throw new Error(`apt knows no ${KERNEL}: run sudo apt-get update and try again`);
  console.log(`Downloading for the tests: ${name}`);
  const cache = await ownCacheFolder();
  const folder = await mkdtemp(join(cache, 'download-'));
  try {
    const ended = await run('apt-get', ['-q', 'download', name], { cwd: folder }, signal);
    mustHaveWorked(`apt-get download ${name}`, ended);
    const file = (await readdir(folder)).find((each) => each.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download ${name} left no package`);
    // By rename, so that nobody meets half a package. A colon in an epoch is written as %3a, which is a plain name too.
    await rename(join(folder, file), join(cache, file));
    return join(cache, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Brings what tests need as far as this machine allows, and says what it could not bring; never throws for that. */
export async function bringPrerequisites(signal: AbortSignal): Promise<void> {
  for (const bring of [installPackages, guestKernelPackage]) {
    await bring(signal).catch((error: unknown) => {
      signal.throwIfAborted();
      console.log(error instanceof Error ? error.message : String(error));
    });
  }
}

if (import.meta.main) await bringPrerequisites(new AbortController().signal);
