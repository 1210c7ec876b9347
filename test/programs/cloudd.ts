import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE, eventually } from '../cloud.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEPT = 4_000_000;

/** A role of `cloudd` in a process of its own, which may be killed and started again with the same arguments. */
export interface CloudProcess {
  readonly name: string;
  pid(): number;
  alive(): boolean;
  /** How often it has ended although nobody killed it. */
  deaths(): number;
  /** The end of what it has printed, in all its lives. */
  output(): string;
  /** Starts it; resolves with what `ready` found in its output, rejects where it ends before. */
  start(...args: readonly string[]): Promise<string>;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

/** A process that is not started yet; it is ready when it has printed what `ready` matches, whose first group is what `start` gives. */
export function cloudProcess(name: string, ready: RegExp): CloudProcess {
  let child: ChildProcess | undefined;
  const kept: string[] = [];
  let length = 0;
  let deaths = 0;
  let killed = false;
  const alive = (): boolean => child?.exitCode === null && child.signalCode === null;
  const send = (signal: NodeJS.Signals): void => {
    if (alive()) child?.kill(signal);
  };
  return {
    name,
    alive,
    deaths: () => deaths,
    pid: () => child?.pid ?? -1,
    output: () => kept.join(''),
    async start(...args) {
      const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'cmd/cloudd/main.ts', ...args], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      });
      child = started;
      let fresh = '';
      let isReady = false;
      killed = false;
      started.once('exit', () => {
        if (!killed) deaths += 1;
      });
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (bytes: Buffer) => {
          const text = bytes.toString();
          kept.push(text);
          length += text.length;
          while (length > KEPT) length -= kept.shift()?.length ?? 0;
          if (!isReady) fresh += text;
        });
      return eventually(`${name} is ready`, 60_000, () => {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${name} ended:\n${fresh}`);
        const found = ready.exec(fresh)?.[1];
        isReady = found !== undefined;
        return found;
      });
    },
    async kill() {
      if (!alive() || child === undefined) return;
      const gone = once(child, 'exit');
      killed = true;
      child.kill('SIGKILL');
      await gone;
    },
    pause: () => {
      send('SIGSTOP');
    },
    resume: () => {
      send('SIGCONT');
    },
  };
}
