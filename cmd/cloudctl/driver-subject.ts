import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { z } from 'zod';
import { bytesOf, Quantity } from '../../apis/meta/quantity.ts';
import type { Subject } from '../../drivers/contract/conformance/subject.ts';
import type { Category, ConfigBag } from '../../drivers/contract/driver.ts';
import type { DialledDriver } from '../../drivers/dial/supervise.ts';
import { systemClock } from '../clock.ts';
import { UsageError } from './usage-error.ts';

const Bag = z.record(z.string(), z.json());
const Category_ = z.enum(['machine', 'disk', 'power']);
/** A program and its arguments, run without a shell. */
const Program = z.array(z.string()).min(1);

/** What a file says of a driver that is to be checked. `{n}` in its texts stands for the number of an endpoint. */
const SubjectFile = z.strictObject({
  /** Configuration of every host, pool and BMC that the suite may use as it likes. */
  endpoints: z.strictObject({ machine: Bag.optional(), disk: Bag.optional(), power: Bag.optional() }),
  wrongConfigs: z.array(z.strictObject({ category: Category_, config: Bag, field: z.string() })).default([]),
  machine: z
    .strictObject({
      cpus: z.int().min(1).default(1),
      memory: Quantity.default('64Mi'),
      boot: z.strictObject({ kernel: z.string(), initrd: z.string().optional(), cmdline: z.string().optional() }).optional(),
    })
    .prefault({}),
  guestListens: z.boolean().default(false),
  diskSize: Quantity.default('1Mi'),
  image: z.strictObject({ name: z.string(), size: Quantity }).default({ name: 'image', size: '64Mi' }),
  /** A host whose lease is as long as `offeredMs`, and the same without. */
  lease: z.strictObject({ config: Bag, without: Bag, offeredMs: z.int().min(1) }).optional(),
  /** `{endpoint}` stands for the uid of the endpoint, `{ms}` for the delay, `{id}` for a name that is new, `{state}` for the driver's state folder. */
  hooks: z
    .strictObject({
      hang: Program.optional(),
      slow: Program.optional(),
      heal: Program.optional(),
      plantMachine: Program.optional(),
      plantDisk: Program.optional(),
    })
    .default({}),
  /** What the driver cannot do: titles of checks, each with the reason. */
  skip: z.record(z.string(), z.string().min(1)).default({}),
});

export type SubjectFile = z.output<typeof SubjectFile>;

const HOOK_MS = 10_000;
const run = promisify(execFile);

/** Reads what is said of a driver; throws UsageError with the place of what is wrong. */
export async function readSubjectFile(path: string): Promise<SubjectFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read`, { cause });
  });
  let value: unknown;
  try {
    value = load(text);
  } catch (error) {
    throw new UsageError(`${path} is not YAML: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
  const parsed = SubjectFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`);
}

function filled<T>(value: T, words: Readonly<Record<string, string>>): T {
  const text = JSON.stringify(value).replace(/\{([a-z]+)\}/g, (whole, word: string) => {
    const found = words[word];
    return found === undefined ? whole : JSON.stringify(found).slice(1, -1);
  });
  return JSON.parse(text) as T;
}

/** A driver as the suite takes it. Only one whose process is ours can be killed. */
export function subjectOf(file: SubjectFile, driver: DialledDriver, stateDir: string): Subject {
  const { hooks, lease } = file;
  const call = async (program: readonly string[], words: Readonly<Record<string, string>>): Promise<void> => {
    const [name = '', ...argv] = filled(program, { ...words, state: stateDir });
    await run(name, argv, { timeout: HOOK_MS, shell: false });
  };
  // It is asked for after every check, and most have spoilt nothing.
  let spoilt = false;
  const spoil = async (program: readonly string[], words: Readonly<Record<string, string>>): Promise<void> => {
    spoilt = true;
    await call(program, words);
  };
  const mend = async (program: readonly string[]): Promise<void> => {
    if (spoilt) await call(program, {});
    spoilt = false;
  };
  const plant = async (program: readonly string[], endpoint: string): Promise<string> => {
    const id = `foreign-${randomUUID().slice(0, 8)}`;
    await call(program, { endpoint, id });
    return id;
  };
  const { hang, slow, heal, plantMachine, plantDisk } = hooks;
  const uidOf = (category: Category, n: number): string => (category === 'disk' ? `pool-${n}` : `host-${n}`);
  return {
    driver,
    clock: systemClock(),
    endpoint(category, n) {
      const uid = uidOf(category, n);
      return {
        ref: { category, uid, name: uid, address: '' },
        config: filled((file.endpoints[category] ?? {}) as ConfigBag, { n: String(n) }),
      };
    },
    wrongConfigs: file.wrongConfigs,
    machine: {
      cpus: file.machine.cpus,
      memoryBytes: bytesOf(file.machine.memory),
      ...(file.machine.boot !== undefined && { boot: file.machine.boot as NonNullable<Subject['machine']['boot']> }),
    },
    guestListens: file.guestListens,
    diskBytes: bytesOf(file.diskSize),
    image: { name: file.image.name, sizeBytes: bytesOf(file.image.size) },
    ...(lease !== undefined && {
      lease: {
        ref: { category: 'machine' as const, uid: 'leased', name: 'leased', address: '' },
        config: lease.config,
        without: lease.without,
        offeredMs: lease.offeredMs,
      },
    }),
    ...(driver.pid() !== undefined && { restart: () => restarted(driver) }),
    ...(plantMachine !== undefined && { plantMachine: (endpoint: string) => plant(plantMachine, endpoint) }),
    ...(plantDisk !== undefined && { plantDisk: (endpoint: string) => plant(plantDisk, endpoint) }),
    ...(hang !== undefined && { hang: (endpoint: string) => spoil(hang, { endpoint }) }),
    ...(slow !== undefined && { slow: (endpoint: string, ms: number) => spoil(slow, { endpoint, ms: String(ms) }) }),
    ...(heal !== undefined && { heal: () => mend(heal) }),
    stop: () => driver.close(),
  };
}

/** Kills the process without warning, and waits for the one that comes after it. */
async function restarted(driver: DialledDriver): Promise<void> {
  const [pid, before] = [driver.pid(), driver.instance()?.instance];
  if (pid === undefined) throw new Error('the driver is down');
  process.kill(pid, 'SIGKILL');
  for await (const { instance } of driver.connections(AbortSignal.timeout(HOOK_MS))) if (instance !== before) return;
  throw new Error('the driver did not come back after it was killed');
}
