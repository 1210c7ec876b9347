import type { Clock } from '../contract/clock.ts';
import { DriverError } from '../contract/driver-error.ts';
import { lastLine, runProgram } from '../serve/run-program.ts';
import type { BmcConfig } from './config.ts';

/** The BMC of one host. Each call is one session with it. */
export interface Bmc {
  status(signal: AbortSignal): Promise<'on' | 'off'>;
  /** Tells it to switch; that it took the command is no proof that it did. */
  tell(command: 'on' | 'off' | 'reset', signal: AbortSignal): Promise<void>;
}

const PROGRAM = 'ipmitool';
/** A BMC that is there answers in a tenth of that. */
const ANSWER_MS = 5000;

/**
 * The BMC, by ipmitool. The cipher suite is named because finding out what the BMC has costs seconds; the password is in a file, so that no list of
 * processes shows it. UNAVAILABLE where nobody answers, or the user is not let in: ipmitool does not tell which.
 */
export function createBmc(config: BmcConfig, passwordFile: string, clock: Clock): Bmc {
  const { host, port, user, cipherSuite } = config;
  const session = ['-I', 'lanplus', '-H', host, '-p', String(port), '-U', user, '-f', passwordFile, '-C', String(cipherSuite)];
  const argv = [...session, '-L', 'OPERATOR', '-N', '1', '-R', '2', 'chassis', 'power'];
  const ask = async (command: string, signal: AbortSignal): Promise<string> => {
    const result = await runProgram({ program: PROGRAM, argv: [...argv, command], clock, ms: ANSWER_MS }, signal);
    if (result.code === 0) return result.stdout;
    const said = lastLine(result.stderr);
    throw new DriverError('UNAVAILABLE', 'BACKEND', `the BMC at ${host}:${port} does not do ${command} for ${user}: ${said}`);
  };
  return {
    async status(signal) {
      const said = (await ask('status', signal)).trim();
      if (said === 'Chassis Power is on') return 'on';
      if (said === 'Chassis Power is off') return 'off';
      throw new DriverError('UNAVAILABLE', 'BACKEND', `the BMC at ${host}:${port} says neither on nor off: ${lastLine(said)}`);
    },
    async tell(command, signal) {
      await ask(command, signal);
    },
  };
}
