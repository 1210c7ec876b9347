import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A BMC in the program `ipmi_sim`: what it is told, it asks a script to do. */
export interface SimulatedBmc {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What the chassis is, as the script sees it. */
  power(): Promise<'on' | 'off'>;
  /** All that it was asked to do to the chassis, one line each. */
  deeds(): Promise<readonly string[]>;
  /** From now on the chassis takes so long to do what it is told, after the BMC has said yes. */
  slow(ms: number): Promise<void>;
  /** The chassis does nothing of what the BMC says yes to. */
  stick(): Promise<void>;
  /** It answers no more, until `thaw`. */
  freeze(): void;
  thaw(): void;
  end(): Promise<void>;
}

const USER = 'lenticular';
const PASSWORD = 'correct-horse';
const EMULATION = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
`;

/** Does as \`ipmi_sim\` asks: \`get power\` prints \`power:1\`, \`set power 0\` switches. What takes long is done behind its back, as in a machine. */
const CHASSIS = `#!/bin/sh
here=$(dirname "$0")
verb=$1
shift
become() {
  [ -e "$here/stuck" ] && return
  if [ -e "$here/slow" ]; then (sleep "$(cat "$here/slow")"; echo "$1" > "$here/power") > /dev/null 2>&1 &
  else echo "$1" > "$here/power"; fi
}
case $verb in
get) for what in "$@"; do case $what in power) echo "power:$(cat "$here/power")" ;; *) echo "$what:0" ;; esac; done ;;
set)
  echo "$@" >> "$here/deeds"
  while [ $# -gt 1 ]; do
    case $1 in power) become "$2" ;; reset) become 1 ;; shutdown) become 0 ;; esac
    shift 2
  done ;;
esac
`;

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

function configOf(port: number, chassis: string): string {
  return `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit operator
    allowed_auths_operator md5
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "${chassis}"
  user 1 false "" "" user 10 md5
  user 2 true "${USER}" "${PASSWORD}" operator 10 md5
`;
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`ipmi_sim ended with ${child.exitCode}`);
    if ((await readFile('/proc/net/udp', 'utf8')).includes(`:${hex} `)) return;
    await delay(50);
  }
  throw new Error(`ipmi_sim does not listen on port ${port}`);
}

/** Starts one whose files are in `folder`, which it makes. */
export async function startBmc(program: string, folder: string): Promise<SimulatedBmc> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const port = await freeUdpPort();
  await writeFile(at('chassis'), CHASSIS);
  await chmod(at('chassis'), 0o700);
  await writeFile(at('power'), '1\n');
  await writeFile(at('deeds'), '');
  await writeFile(at('lan.conf'), configOf(port, at('chassis')));
  await writeFile(at('emulation'), EMULATION);
  const argv = ['-c', at('lan.conf'), '-f', at('emulation'), '-s', at('state'), '-n'];
  const child = spawn(program, argv, { stdio: 'ignore', cwd: folder });
  const ended = once(child, 'exit');
  await listens(port, child);
  return {
    port,
    user: USER,
    password: PASSWORD,
    power: async () => ((await readFile(at('power'), 'utf8')).trim() === '1' ? 'on' : 'off'),
    deeds: async () => (await readFile(at('deeds'), 'utf8')).split('\n').filter((line) => line !== ''),
    slow: (ms) => writeFile(at('slow'), String(ms / 1000)),
    stick: () => writeFile(at('stuck'), ''),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async end() {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
