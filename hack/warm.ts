import { globSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run } from './run.ts';

// Fills the compile cache that NODE_COMPILE_CACHE names with everything that the programs load, so that already their first start is as
// small and fast as every later one: a process that finds one source missing there loads a parser of 26 MiB to strip its types.

const SHIPPED = '{apis,client,cmd,controllers,drivers,server}/**/*.ts';
const PROGRAMS = ['cmd/cloudd/main.ts', 'cmd/cloudctl/main.ts'];

/** The files that an import only defines: neither programs nor what only tests load. */
function modules(): readonly string[] {
  const isDefinition = (file: string) => !/(\.test|\.d)\.ts$|(^|\/)conformance/.test(file) && !PROGRAMS.includes(file);
  return globSync(SHIPPED, { cwd: ROOT })
    .map((file) => file.replaceAll(sep, '/'))
    .filter(isDefinition);
}

const { signal } = new AbortController();
for (const file of modules()) await import(pathToFileURL(join(ROOT, file)).href);
// Programs run when they are loaded, so each says its version instead, and keeps what it loaded in the same cache.
await Promise.all(PROGRAMS.map((file) => run(process.execPath, ['--disable-warning=ExperimentalWarning', file, '--version'], {}, signal)));
