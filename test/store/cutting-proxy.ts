import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy in front of a server, that breaks links as networks do. */
export interface CuttingProxy {
  readonly port: number;
  readonly endpoint: string;
  /** What the server has said through it so far. */
  bytes(): number;
  /** What clients have said through it so far. */
  asked(): number;
  /** After so many more bytes from the server: closes the links of then, or forwards nothing on them any more, without closing. */
  breakAfter(bytes: number, how: 'cut' | 'half-open'): void;
  /** The same at once, before the client says anything more. */
  breakNow(how: 'cut' | 'half-open'): void;
  /** When links were broken, and when the next one was opened after that, in milliseconds of performance.now(). */
  broken(): { readonly at: number | undefined; readonly reopened: number | undefined };
  /** From now on each piece of what the server says waits so long. */
  delay(ms: number): void;
  /** From now on, on old links and new ones: nothing passes, or only what clients say passes; or links are refused. */
  sever(how: Severed): void;
  /** Links pass again; those that were severed are closed, because of what they have lost. */
  join(): void;
  end(): Promise<void>;
}

/** How links are severed: no side hears the other, the client does not hear the server, or there is no link. */
export type Severed = 'silent' | 'answers' | 'refused';

interface State {
  severed: Severed | undefined;
  bytes: number;
  asked: number;
  left: number;
  how: 'cut' | 'half-open';
  delayMs: number;
  at: number | undefined;
  reopened: number | undefined;
}

/** Listens on a free port and forwards to `port` of this machine. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const state: State = {
    bytes: 0,
    asked: 0,
    left: Infinity,
    how: 'cut',
    delayMs: 0,
    severed: undefined,
    at: undefined,
    reopened: undefined,
  };
  const links = new Set<readonly [Socket, Socket]>();
  const closeAll = (): void => {
    for (const link of links) for (const socket of link) socket.destroy();
  };
  const server = createServer((client) => {
    if (state.severed === 'refused') {
      client.destroy();
      return;
    }
    if (state.at !== undefined) state.reopened ??= performance.now();
    forward(client, connect(port, '127.0.0.1'), state, links);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    endpoint: `http://127.0.0.1:${String(bound)}`,
    bytes: () => state.bytes,
    asked: () => state.asked,
    breakAfter: (bytes, how) => Object.assign(state, { left: bytes, how }),
    breakNow: (how) => {
      breakLinks(Object.assign(state, { how }), links);
    },
    broken: () => ({ at: state.at, reopened: state.reopened }),
    delay: (ms) => {
      state.delayMs = ms;
    },
    sever: (how) => {
      state.severed = how;
      if (how === 'refused') closeAll();
    },
    join: () => {
      state.severed = undefined;
      closeAll();
    },
    end: async () => {
      closeAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function forward(client: Socket, upstream: Socket, state: State, links: Set<readonly [Socket, Socket]>): void {
  const link = [client, upstream] as const;
  links.add(link);
  for (const socket of link) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      links.delete(link);
      for (const each of link) each.destroy();
    });
  }
  client.on('data', (chunk: Buffer) => {
    if (state.severed !== undefined && state.severed !== 'answers') return;
    state.asked += chunk.length;
    upstream.write(chunk);
  });
  upstream.on('data', (chunk: Buffer) => {
    if (state.severed !== undefined) return;
    state.bytes += chunk.length;
    const passed = chunk.subarray(0, Math.min(chunk.length, state.left));
    state.left -= passed.length;
    const breaks = state.left === 0;
    if (breaks) {
      client.write(passed);
      breakLinks(state, links);
    } else if (state.delayMs > 0) {
      upstream.pause();
      setTimeout(() => {
        client.write(passed);
        upstream.resume();
      }, state.delayMs);
    } else client.write(passed);
  });
}

/** Breaks every link there is; links made later are whole. */
function breakLinks(state: State, links: Set<readonly [Socket, Socket]>): void {
  Object.assign(state, { left: Infinity, at: performance.now() });
  for (const [client, upstream] of links) {
    if (state.how === 'cut') {
      client.end();
      upstream.destroy();
    } else {
      client.removeAllListeners('data').on('data', () => undefined);
      upstream.removeAllListeners('data').on('data', () => undefined);
    }
  }
}
