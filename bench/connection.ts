import { once } from 'node:events';
import { connect, type ConnectionOptions } from 'node:tls';

/** Where a load goes, and as whom. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** PEM; without it the server's certificate is not verified (the peer signs its own). */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** One answer; its body is kept only where the asker wants it. */
export interface Answer {
  readonly status: number;
  readonly bytes: number;
  readonly body: string;
}

/** One keep-alive connection, on which one request is under way at a time. */
export interface Connection {
  ask(request: Buffer, keep?: boolean): Promise<Answer>;
  /** Sends a request whose answer does not end, and hands on its body as it comes; resolves with the status. */
  stream(request: Buffer, onBody: (bytes: Buffer) => void): Promise<number>;
  /** Stops reading from the socket for good, as a client that hangs does. */
  stall(): void;
  readonly closed: () => boolean;
  /** Whether the server has ended the stream. */
  readonly ended: () => boolean;
  close(): void;
}

interface ResponseHandlers {
  head(status: number): void;
  body(bytes: Buffer): void;
  end(): void;
}

const EMPTY: Buffer = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');

/** What is known of a response from its head. */
function readHead(text: string): { readonly status: number; readonly length: number; readonly chunked: boolean } {
  const status = Number(text.slice(9, 12));
  return {
    status,
    length: Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0),
    chunked: /\r\ntransfer-encoding: *chunked/i.test(text),
  };
}

type Phase = 'head' | 'body' | 'size' | 'chunk' | 'after' | 'last';

/** Reads HTTP/1.1 responses, and of them only what tells where each ends: the generator must stay cheaper than the server. */
function responseParser(on: ResponseHandlers): (data: Buffer) => void {
  let held: Buffer = EMPTY;
  let phase: Phase = 'head';
  let left = 0;

  /** Reads one piece from `at`; returns where it ended, or -1 when more bytes are needed. */
  function step(data: Buffer, at: number): number {
    if (phase === 'head') {
      const end = data.indexOf(HEAD_END, at);
      if (end < 0) return -1;
      const { status, length, chunked } = readHead(data.toString('latin1', at, end));
      on.head(status);
      phase = chunked ? 'size' : 'body';
      left = length;
      if (phase === 'body' && left === 0) finish();
      return end + 4;
    }
    if (phase === 'size') {
      const end = data.indexOf(CRLF, at);
      if (end < 0) return -1;
      left = Number.parseInt(data.toString('latin1', at, end), 16);
      phase = left === 0 ? 'last' : 'chunk';
      return end + 2;
    }
    if (phase === 'after' || phase === 'last') {
      if (data.length - at < 2) return -1;
      if (phase === 'last') finish();
      else phase = 'size';
      return at + 2;
    }
    return readBody(data, at);
  }

  function readBody(data: Buffer, at: number): number {
    const end = Math.min(data.length, at + left);
    on.body(data.subarray(at, end));
    left -= end - at;
    if (left === 0) {
      if (phase === 'chunk') phase = 'after';
      else finish();
    }
    return end;
  }

  function finish(): void {
    phase = 'head';
    on.end();
  }

  return (fresh) => {
    const data = held.length === 0 ? fresh : Buffer.concat([held, fresh]);
    held = EMPTY;
    let at = 0;
    while (at < data.length) {
      const next = step(data, at);
      if (next < 0) {
        held = data.subarray(at);
        return;
      }
      at = next;
    }
  };
}

/** The bytes of a request, so that a loop need not make them again. */
export function requestBytes(target: Target, method: string, path: string, body?: string, contentType = 'application/json'): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${target.host}:${target.port}`, 'accept: application/json'];
  if (target.token !== undefined) lines.push(`authorization: Bearer ${target.token}`);
  if (body !== undefined) lines.push(`content-type: ${contentType}`, `content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

function tlsOptions({ host, port, ca, cert, key }: Target): ConnectionOptions {
  return {
    host,
    port,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: ca !== undefined,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** Opens a TLS connection. */
export async function openConnection(target: Target): Promise<Connection> {
  const socket = connect(tlsOptions(target));
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  let closed = false;
  let streamEnded = false;
  let waiting: Waiting | undefined;
  let streaming: { readonly onBody: (bytes: Buffer) => void; readonly onHead: (status: number) => void } | undefined;
  let status = 0;
  let bytes = 0;
  let kept: Buffer[] | undefined;
  const parse = responseParser({
    head: (code) => {
      status = code;
      bytes = 0;
      streaming?.onHead(code);
    },
    body: (part) => {
      bytes += part.length;
      kept?.push(part);
      streaming?.onBody(part);
    },
    end: () => {
      streamEnded = streaming !== undefined;
      const done = waiting;
      waiting = undefined;
      done?.resolve({ status, bytes, body: kept === undefined ? '' : Buffer.concat(kept).toString() });
    },
  });
  socket.on('data', parse);
  const fail = (error: Error): void => {
    closed = true;
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed the connection')));
  return {
    ask: (request, keep = false) =>
      new Promise((resolve, reject) => {
        if (closed) throw new Error('the connection is closed');
        waiting = { resolve, reject };
        kept = keep ? [] : undefined;
        socket.write(request);
      }),
    stream: (request, onBody) =>
      new Promise((resolve, reject) => {
        waiting = { resolve: () => undefined, reject };
        streaming = { onBody, onHead: resolve };
        socket.write(request);
      }),
    stall: () => socket.pause(),
    closed: () => closed,
    ended: () => closed || streamEnded,
    close: () => socket.destroy(),
  };
}
