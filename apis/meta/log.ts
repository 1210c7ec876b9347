/** A structured log as code takes it: fields first, then one sentence. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A log that says these fields with every line, where it can make one. */
  child?(fields: object): Log;
}
