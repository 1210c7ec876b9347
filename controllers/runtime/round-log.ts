import type { Log } from '../../apis/meta/log.ts';

/** A log that says these fields with every line: the log's own child, where it can have one. */
export function childLog(log: Log, fields: object): Log {
  if (log.child !== undefined) return log.child(fields);
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (more: object, message: string): void => {
      log[level]({ ...fields, ...more }, message);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
