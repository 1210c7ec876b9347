import type { Connection } from './connection.ts';
import { latencyOf, type Latency } from './jobs.ts';
import { SEQUENCE } from './objects.ts';

/** Watchers that count the events of numbered writes. */
export interface Watchers {
  /** The write with this number is acknowledged now. */
  acknowledged(number: number): void;
  readonly expected: number;
  /** How many events of numbered writes have come. */
  delivered(): number;
  /** How many bytes have come. */
  bytes(): number;
  result(): {
    readonly expected: number;
    readonly delivered: number;
    readonly lost: number;
    readonly doubled: number;
    /** Watches that the server has ended, of which the lost events are. */
    readonly ended: number;
    readonly latency: Latency;
  };
}

const MARK = Buffer.from(`"${SEQUENCE}":"`);
const MODIFIED = Buffer.from('"MODIFIED"');
/** `"type":"MODIFIED"` stands in the first bytes of an event. */
const TYPE_WITHIN = 40;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const ZERO = 0x30;

/** The number in an event's line, or -1 where it is not of a numbered write. */
function numberIn(data: Buffer, from: number, to: number): number {
  const type = data.indexOf(MODIFIED, from);
  if (type < 0 || type > from + TYPE_WITHIN) return -1;
  const mark = data.indexOf(MARK, from);
  if (mark < 0 || mark > to) return -1;
  let number = 0;
  for (let at = mark + MARK.length; at < to && data[at] !== QUOTE; at += 1) number = number * 10 + (data[at] ?? 0) - ZERO;
  return number - 1;
}

/** Calls back with the number of each event in a stream that comes in pieces. */
function eventReader(onNumber: (number: number) => void): (piece: Buffer) => void {
  let held: Buffer[] = [];
  return (piece) => {
    if (!piece.includes(NEWLINE)) {
      held.push(piece);
      return;
    }
    const data = held.length === 0 ? piece : Buffer.concat([...held, piece]);
    let at = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, at)) {
      const number = numberIn(data, at, end);
      if (number >= 0) onNumber(number);
      at = end + 1;
    }
    held = at < data.length ? [data.subarray(at)] : [];
  };
}

/** Begins to watch on every connection; resolves when each watch has been answered. */
export async function openWatchers(connections: readonly Connection[], request: Buffer, total: number): Promise<Watchers> {
  const acknowledgedAt = new Float64Array(total);
  const seen = connections.map(() => new Uint8Array(total));
  /** Events that came before the answer to their write: no time at all. */
  let early = 0;
  const times: number[] = [];
  let arrived = 0;
  let bytes = 0;
  await Promise.all(
    connections.map(async (connection, index) => {
      const counts = seen[index] ?? new Uint8Array(total);
      const read = eventReader((number) => {
        arrived += 1;
        counts[number] = (counts[number] ?? 0) + 1;
        const at = acknowledgedAt[number] ?? 0;
        if (at === 0) early += 1;
        else if (times.length < MAX_TIMES) times.push(performance.now() - at);
      });
      const status = await connection.stream(request, (piece) => {
        bytes += piece.length;
        read(piece);
      });
      if (status !== 200) throw new Error(`a watch is answered with ${status}`);
    }),
  );
  return {
    expected: total * connections.length,
    delivered: () => arrived,
    bytes: () => bytes,
    acknowledged(number) {
      acknowledgedAt[number] = performance.now();
    },
    result() {
      let lost = 0;
      let doubled = 0;
      let delivered = 0;
      for (const counts of seen) {
        for (const count of counts) {
          delivered += count;
          if (count === 0) lost += 1;
          if (count > 1) doubled += count - 1;
        }
      }
      const all = Array.from({ length: Math.min(early, MAX_TIMES) }, () => 0).concat(times);
      const ended = connections.filter((connection) => connection.ended()).length;
      return { expected: total * connections.length, delivered, lost, doubled, ended, latency: latencyOf(all) };
    },
  };
}

/** So many times are kept; a longer run's later events are counted, not timed. */
const MAX_TIMES = 40_000_000;
