import type { Readable } from 'node:stream';
import type { Clock } from '../contract/clock.ts';

/** One line of a driver's output. */
export interface LogLine {
  readonly driver: string;
  readonly stream: 'stdout' | 'stderr' | 'supervisor';
  readonly text: string;
}

const MAX_LINE = 4096;
const MAX_LINES_PER_SECOND = 200;

/** Calls `onLine` for each line of `stream`, cut at 4 KiB (the rest of a longer line is dropped); never holds more than one line. */
export function readLines(stream: Readable, onLine: (text: string) => void): void {
  let pending = '';
  let full = false;
  const flush = (): void => {
    if (pending !== '' || full) onLine(full ? `${pending}… (cut)` : pending);
    pending = '';
    full = false;
  };
  const take = (text: string): void => {
    const room = MAX_LINE - pending.length;
    if (text.length > room) full = true;
    pending += text.slice(0, Math.max(room, 0));
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = chunk.split('\n');
    parts.forEach((part, index) => {
      take(part);
      if (index < parts.length - 1) flush();
    });
  });
  stream.on('end', flush);
  // A pipe that breaks is the process ending; its exit says so.
  stream.on('error', () => undefined);
}

/** Passes at most 200 lines a second on; what is dropped is counted, and the count is a line of its own. */
export function limitLines(clock: Clock, sink: (text: string) => void): (text: string) => void {
  let second = 0;
  let passed = 0;
  let dropped = 0;
  return (text) => {
    const now = Math.floor(clock.monotonic() / 1000);
    if (now !== second) {
      if (dropped > 0) sink(`${dropped} lines were dropped: more than ${MAX_LINES_PER_SECOND} came in a second`);
      second = now;
      passed = 0;
      dropped = 0;
    }
    if (passed >= MAX_LINES_PER_SECOND) {
      dropped += 1;
      return;
    }
    passed += 1;
    sink(text);
  };
}
