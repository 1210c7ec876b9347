import { requestBytes, type Target } from './connection.ts';
import type { Shape } from './jobs.ts';
import { lease, leasesPath, machine, machinesPath, nameOf, SEQUENCE } from './objects.ts';

/** Makes the requests of a load, one after another. */
export interface Requests {
  /** The request with this number, for this one of the clients. */
  next(number: number, client: number): Buffer;
  /** So many first requests of each client prepare the others and are not counted. */
  readonly unmeasured?: number;
  /** Where the next request follows from an answer: reads it. */
  readonly read?: (body: string, client: number) => void;
}

const MERGE_PATCH = 'application/merge-patch+json';

type PutShape = Extract<Shape, { verb: 'put' }>;

/** Each client has objects of its own, so that writers never conflict; it reads an object before it writes it the first time. */
function puts(target: Target, { namespace, objects, noop }: PutShape, clients: number): Requests {
  const versions = new Map<number, string>();
  const turns = Array.from({ length: clients }, () => 0);
  const current = Array.from({ length: clients }, () => 0);
  return {
    unmeasured: Math.ceil(objects / clients),
    next(number, client) {
      const mine = Math.max(1, Math.floor((objects - client - 1) / clients) + 1);
      const index = client + clients * ((turns[client] ?? 0) % mine);
      const path = `${machinesPath(namespace)}/${nameOf(index)}`;
      current[client] = index;
      const resourceVersion = versions.get(index);
      turns[client] = (turns[client] ?? 0) + 1;
      if (resourceVersion === undefined) return requestBytes(target, 'GET', path);
      const object = JSON.parse(machine(index)) as { metadata: { annotations: Record<string, string>; resourceVersion?: string } };
      object.metadata.resourceVersion = resourceVersion;
      if (!noop) object.metadata.annotations[SEQUENCE] = `${number}-${resourceVersion}`;
      return requestBytes(target, 'PUT', path, JSON.stringify(object));
    },
    read(body, client) {
      const version = /"resourceVersion":"(\d+)"/.exec(body)?.[1];
      if (version !== undefined) versions.set(current[client] ?? 0, version);
    },
  };
}

/** The requests of a load. */
export function requestsOf(target: Target, shape: Shape, clients: number): Requests {
  switch (shape.verb) {
    case 'create': {
      const [path, make] = shape.of === 'machines' ? [machinesPath(shape.namespace), machine] : [leasesPath(shape.namespace), lease];
      return { next: (number) => requestBytes(target, 'POST', path, make(shape.from + number)) };
    }
    case 'get': {
      const path = machinesPath(shape.namespace);
      // A stride that shares no factor with the number of objects visits all of them, in no order of the store.
      return { next: (number) => requestBytes(target, 'GET', `${path}/${nameOf((number * 7_919) % shape.objects)}`) };
    }
    case 'list': {
      const request = requestBytes(target, 'GET', shape.path);
      return { next: () => request };
    }
    case 'put':
      return puts(target, shape, clients);
    case 'patch-status':
    case 'patch-sequence': {
      // From 1: the objects are created with 0.
      const suffix = shape.verb === 'patch-status' ? '/status' : '';
      const body = (number: number): object =>
        shape.verb === 'patch-status'
          ? { status: { host: `host-${number}` } }
          : { metadata: { annotations: { [SEQUENCE]: String(number + 1) } } };
      return {
        next: (number) => {
          const path = `${machinesPath(shape.namespace)}/${nameOf(number % shape.objects)}${suffix}`;
          return requestBytes(target, 'PATCH', path, JSON.stringify(body(number)), MERGE_PATCH);
        },
      };
    }
    case 'renew':
      return {
        next: (number) => {
          const path = `${leasesPath(shape.namespace)}/${nameOf(number % shape.objects)}`;
          const renewTime = `2026-01-01T00:00:00.${String(number % 1_000_000).padStart(6, '0')}Z`;
          return requestBytes(target, 'PATCH', path, JSON.stringify({ spec: { renewTime } }), MERGE_PATCH);
        },
      };
  }
}
