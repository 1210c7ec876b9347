import type { Cause, HostCandidate, Neighbours, PlacementRequest, Room } from './schedule-facts.ts';
import { refusedBy } from './schedule-filter.ts';

/** A host, replaced when its object changes, with what is given out there. */
export interface Place {
  host: HostCandidate;
  readonly taken: { cpus: number; memoryBytes: number };
}

/** The hosts of one zone. */
export interface ZoneRoom {
  readonly room: Room;
  put(place: Place): void;
  drop(name: string): void;
  /** Takes in what became of a place that was put. */
  changed(place: Place): void;
}

/** What refusedBy said of each host, by its index: of a host that was replaced, or has another index now, it is asked again. */
interface Memory {
  readonly hosts: HostCandidate[];
  readonly causes: (Cause | undefined)[];
}

interface Table {
  readonly hosts: HostCandidate[];
  readonly indexes: Map<Place, number>;
  readonly columns: Record<keyof Room['columns'], Float64Array>;
}

/** Different wishes that are remembered. */
const MOST_MEMORIES = 64;

function write({ hosts, columns }: Table, index: number, { host, taken }: Place): void {
  const { cpus, memoryBytes } = host.allocatable;
  hosts[index] = host;
  columns.cpus[index] = cpus;
  columns.memoryBytes[index] = memoryBytes;
  columns.freeCpus[index] = cpus - taken.cpus;
  columns.freeMemoryBytes[index] = memoryBytes - taken.memoryBytes;
  columns.realCpus[index] = host.realCpus;
}

function tableOf(places: Iterable<Place>): Table {
  const sorted = [...places].sort((one, other) => (one.host.name < other.host.name ? -1 : 1));
  const column = (): Float64Array => new Float64Array(sorted.length);
  const columns = { cpus: column(), memoryBytes: column(), freeCpus: column(), freeMemoryBytes: column(), realCpus: column() };
  const table: Table = { hosts: [], indexes: new Map(sorted.map((place, index) => [place, index])), columns };
  for (const [index, place] of sorted.entries()) write(table, index, place);
  return table;
}

/** A room without a host. */
export function createZoneRoom(neighboursOf: (request: PlacementRequest) => Neighbours): ZoneRoom {
  const members = new Map<string, Place>();
  const memories = new Map<string, Memory>();
  let table: Table | undefined;
  const current = (): Table => (table ??= tableOf(members.values()));

  function memoryOf({ placement: { pod, hostSelector }, capabilities, pools }: PlacementRequest): Memory {
    const wish = JSON.stringify([pod, hostSelector, capabilities, pools]);
    const memory = memories.get(wish) ?? { hosts: [], causes: [] };
    memories.delete(wish);
    memories.set(wish, memory);
    const [oldest] = memories.keys();
    if (memories.size > MOST_MEMORIES && oldest !== undefined) memories.delete(oldest);
    return memory;
  }

  return {
    room: {
      get hosts() {
        return current().hosts;
      },
      get columns() {
        return current().columns;
      },
      neighboursOf,
      refusalsOf(request) {
        const { hosts: known, causes } = memoryOf(request);
        const { hosts } = current();
        return (index) => {
          const host = hosts[index];
          if (host !== undefined && known[index] !== host) {
            known[index] = host;
            causes[index] = refusedBy(request, host);
          }
          return causes[index];
        };
      },
    },
    put(place) {
      if (members.get(place.host.name) === place) return;
      members.set(place.host.name, place);
      table = undefined;
    },
    drop(name) {
      if (members.delete(name)) table = undefined;
    },
    changed(place) {
      const index = table?.indexes.get(place);
      if (table !== undefined && index !== undefined) write(table, index, place);
    },
  };
}
