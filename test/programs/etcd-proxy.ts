import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';

/** What becomes of one message of a watch stream on its way from etcd: the messages that arrive instead. `stream` counts from 1. */
export type Alter = (message: Buffer, stream: number) => readonly Buffer[];

/** A gRPC proxy before an etcd that can alter what its watches tell. */
export interface EtcdProxy {
  readonly endpoint: string;
  /** Hands every message on, until it is told otherwise. */
  alter(alter: Alter): void;
  /** How many watch streams were opened. */
  streams(): number;
  end(): void;
}

const UNARY = ['/etcdserverpb.KV/Range', '/etcdserverpb.KV/Txn', '/etcdserverpb.KV/Compact', '/etcdserverpb.Maintenance/Status'];
const WATCH = '/etcdserverpb.Watch/Watch';

function same(bytes: Buffer): Buffer {
  return bytes;
}

function definition(path: string, streamed: boolean): object {
  const wire = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  return { path, requestStream: streamed, responseStream: streamed, ...wire };
}

/** Starts a proxy before the etcd on a port of this machine. */
export async function startEtcdProxy(port: number): Promise<EtcdProxy> {
  const upstream = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
  let alter: Alter = (message) => [message];
  let streams = 0;

  function watch(call: ServerDuplexStream<Buffer, Buffer>): void {
    streams += 1;
    const stream = streams;
    const onward = upstream.makeBidiStreamRequest(WATCH, same, same, call.metadata);
    call.on('data', (bytes: Buffer) => onward.write(bytes));
    call.on('end', () => {
      onward.end();
    });
    call.on('cancelled', () => {
      onward.cancel();
    });
    onward.on('data', (bytes: Buffer) => {
      for (const message of alter(bytes, stream)) call.write(message);
    });
    onward.on('error', () => {
      call.end();
    });
  }

  const server = new Server();
  const methods = Object.fromEntries([
    ...UNARY.map((path) => [path, definition(path, false)]),
    [WATCH, definition(WATCH, true)],
  ]) as Parameters<Server['addService']>[0];
  const unary = (path: string) => (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
    upstream.makeUnaryRequest(path, same, same, call.request, call.metadata, (error, response) => {
      answer(error, response);
    });
  };
  server.addService(
    methods,
    Object.fromEntries([...UNARY.map((path) => [path, unary(path)]), [WATCH, watch]]) as Parameters<Server['addService']>[1],
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, number) => {
      if (error === null) resolve(number);
      else reject(error);
    });
  });
  return {
    endpoint: `http://127.0.0.1:${String(bound)}`,
    alter: (how) => {
      alter = how;
    },
    streams: () => streams,
    end: () => {
      server.forceShutdown();
      upstream.close();
    },
  };
}

function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

/** A message of a watch stream without events, as etcd encodes it (etcdserverpb.WatchResponse). */
export function watchResponse(revision: number, more: { readonly created?: boolean; readonly canceledAt?: number } = {}): Buffer {
  const header = [0x18, ...varint(revision)];
  const created = more.created === true ? [0x18, 1] : [];
  const canceled = more.canceledAt === undefined ? [] : [0x20, 1, 0x28, ...varint(more.canceledAt)];
  return Buffer.from([0x0a, header.length, ...header, ...created, ...canceled]);
}
