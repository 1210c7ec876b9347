import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Levels that a log may have, quietest last. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log of JSON lines on standard error, or into a file. Fields that may hold secrets are never printed. */
export function createLog(options: { readonly level: LogLevel; readonly file?: string }): Logger {
  const target =
    options.file === undefined
      ? pino.destination({ fd: 2, sync: true })
      : pino.destination({ dest: options.file, mkdir: true, mode: 0o600, sync: false });
  return pino(
    { level: options.level, base: null, redact: ['token', 'password', 'authorization', '*.token', '*.password', '*.authorization'] },
    target,
  );
}
