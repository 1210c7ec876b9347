import type { Log } from '../../apis/meta/log.ts';

/** A log that says these fields with every line: the log's own child, where it can have one. Most rounds say nothing: it is made with the first line. */
export function childLog(log: Log, fields: () => object): Log {
  let child: Log | undefined;
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (more: object, message: string): void => {
      if (log.child === undefined) log[level]({ ...fields(), ...more }, message);
      else (child ??= log.child(fields()))[level](more, message);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
