import { connect, type Socket } from 'node:net';
import { DriverError } from '../contract/driver-error.ts';
import type { Clock } from '../contract/clock.ts';
import { withDeadline } from '../serve/deadline.ts';

const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;
const COMMAND_MS = 2000;
const GREETING_MS = 1500;

/** Something the engine says by itself, for example SHUTDOWN. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Message =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  | { readonly kind: 'answer'; readonly id: string; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: string; readonly class: string; readonly text: string }
  | { readonly kind: 'other' };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One line of the engine's monitor; a line that is not JSON is an error. */
export function parseQmpLine(line: string): Message {
  const value: unknown = JSON.parse(line);
  if (!isObject(value)) return { kind: 'other' };
  if ('QMP' in value) return { kind: 'greeting' };
  if (typeof value.event === 'string') {
    return { kind: 'event', event: { event: value.event, data: isObject(value.data) ? value.data : {} } };
  }
  const id = typeof value.id === 'string' ? value.id : '';
  if ('return' in value) return { kind: 'answer', id, result: value.return };
  const error = value.error;
  if (isObject(error)) return { kind: 'error', id, class: asText(error.class), text: asText(error.desc) };
  return { kind: 'other' };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A command that the engine refused; `qmpClass` is its class (mostly GenericError), the text is for people. */
function refused(command: string, message: Extract<Message, { kind: 'error' }>): DriverError {
  return new DriverError('INTERNAL', 'BACKEND', `the engine refused ${command}: ${message.text}`, {
    metadata: { qmpClass: message.class },
  });
}

/** One connection to a machine's monitor: commands in order, events to everyone who listens. Ends with its socket, never reconnects. */
export class QmpConnection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #closed = new AbortController();
  #greeted: Waiting | undefined;
  #buffer = '';
  #sequence = 0;

  constructor(socket: Socket, clock: Clock, greeted: Waiting) {
    this.#socket = socket;
    this.#clock = clock;
    this.#greeted = greeted;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(undefined));
  }

  /** Aborts when the connection is over. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Calls `listener` on each event until the returned function is called. */
  listen(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One command and its answer; UNAVAILABLE where the connection ends first, DEADLINE_EXCEEDED after 2 s, INTERNAL where the engine refuses. */
  async execute(command: string, argument: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown> {
    const id = String(++this.#sequence);
    try {
      return await withDeadline(() => this.#send(id, command, argument), { clock: this.#clock, ms: COMMAND_MS, what: command }, signal);
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Lets the monitor go, for another client. */
  close(): void {
    this.#socket.destroy();
    this.#end(undefined);
  }

  #send(id: string, command: string, argument: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#closed.signal.aborted) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: argument, id })}\n`);
    });
  }

  #receive(chunk: string): void {
    const lines = (this.#buffer + chunk).split('\n');
    this.#buffer = lines.pop() ?? '';
    if (this.#buffer.length > MAX_LINE_CHARACTERS) this.#socket.destroy();
    for (const line of lines) if (line.trim() !== '') this.#take(line);
  }

  #take(line: string): void {
    let message: Message;
    try {
      message = parseQmpLine(line);
    } catch {
      this.#socket.destroy();
      return;
    }
    switch (message.kind) {
      case 'greeting':
        this.#greeted?.resolve(undefined);
        this.#greeted = undefined;
        break;
      case 'event':
        for (const listener of this.#listeners) listener(message.event);
        break;
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.result);
        break;
      case 'error':
        this.#refuse(message);
        break;
      case 'other':
        break;
    }
  }

  #refuse(message: Extract<Message, { kind: 'error' }>): void {
    const waiting = this.#waiting.get(message.id);
    waiting?.reject(refused(waiting.command, message));
  }

  #end(cause: Error | undefined): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    const error = gone(cause);
    this.#greeted?.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function gone(cause?: Error): DriverError {
  return new DriverError('UNAVAILABLE', 'BACKEND', 'the monitor of the machine is closed', cause === undefined ? {} : { cause });
}

/** Connects to the monitor at `path` and waits for its greeting: none within 1.5 s (frozen, or another client holds it) is DEADLINE_EXCEEDED. */
export async function connectQmp(
  { path, clock }: { readonly path: string; readonly clock: Clock },
  signal: AbortSignal,
): Promise<QmpConnection> {
  const socket = connect(path);
  let connection: QmpConnection | undefined;
  const greeting = new Promise<unknown>((resolve, reject) => {
    connection = new QmpConnection(socket, clock, { command: 'greeting', resolve, reject });
  });
  try {
    await withDeadline(() => greeting, { clock, ms: GREETING_MS, what: 'the monitor' }, signal);
    if (connection === undefined) throw gone();
    await connection.execute('qmp_capabilities', {}, signal);
    return connection;
  } catch (error) {
    greeting.catch(() => undefined);
    socket.destroy();
    throw error;
  }
}
