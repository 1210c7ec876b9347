import { Server } from '@grpc/grpc-js';
import type { Driver } from '../contract/driver.ts';
import { CONTRACT_VERSION } from '../contract/driver.ts';
import { bindingOf, boundAddress } from './address.ts';
import type { Listen } from './address.ts';
import { handlersOf } from './handlers.ts';
import type { OnFault } from './handlers.ts';

/** The largest message either way. */
const MAX_MESSAGE_BYTES = 4 * 2 ** 20;

export interface ServeOptions {
  readonly listen: Listen;
  /** Gets the handshake: `1|v1alpha1|unix|PATH|grpc|NAME/VERSION`, the first line of a driver's stdout. */
  readonly announce: (line: string) => void;
  readonly onFault: OnFault;
}

function bind(server: Server, { target, credentials }: ReturnType<typeof bindingOf>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${target}`, { cause: error }));
    });
  });
}

/**
 * Serves `driver` until `signal` aborts: running calls see their signal abort, then the connections are closed.
 * Rejects where it cannot listen; the driver itself is its owner's to close.
 */
export async function serve(driver: Driver, { listen, announce, onFault }: ServeOptions, signal: AbortSignal): Promise<void> {
  const { name, version } = await driver.identity.getInfo(signal);
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.enable_channelz': 0,
  });
  const { definitions, handlers } = handlersOf(driver, signal, onFault);
  server.addService({ ...definitions }, handlers);
  const port = await bind(server, bindingOf(listen));
  announce(`1|${CONTRACT_VERSION}|${listen.kind}|${boundAddress(listen, port)}|grpc|${name}/${version}`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // One turn, so that calls which the signal ended can still say so.
  await new Promise((resolve) => setImmediate(resolve));
  server.forceShutdown();
}
