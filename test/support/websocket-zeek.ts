import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Value } from '../../src/codec/value.js';
import { encodeValueJson } from '../../src/codec/value-json.js';
import { encodeAck } from '../../src/protocol/websocket/messages.js';
import { fixtureFile } from './recordings.js';

/** One client of the server. */
interface Client {
  readonly id: string;
  readonly socket: WebSocket;
  readonly path: string;
  readonly application: string | undefined;
  /** When it came, milliseconds. */
  readonly at: number;
  /** What it sent. */
  readonly frames: Buffer[];
  closeCode: number | undefined;
  send(frame: Buffer): void;
  acknowledge(): void;
}

export interface WebsocketZeek {
  readonly port: number;
  readonly url: string;
  readonly clients: Client[];
  /** Ends all connections and listens no more. */
  stop(): Promise<void>;
}

interface Options {
  readonly port?: number;
  readonly tls?: boolean;
  /** Whether it acknowledges the topics by itself; default true. */
  readonly acknowledges?: boolean;
}

const pem = (name: string): Buffer => readFileSync(fixtureFile(`tls/${name}.pem`));

/**
 * A message as Zeek's server writes it: reals have 6 decimals, and strings any bytes. (It also cuts timestamps to
 * milliseconds; logs that are events have them in sets only.)
 */
export function zeekFrame(topic: string, value: Value): Buffer {
  const json = encodeValueJson(value).toString('latin1');
  const reals = json.replace(/(?<="@data-type":"real","data":)[^}"]+/g, (text) => Number(text).toFixed(6));
  return Buffer.concat([
    Buffer.from(`{"type":"data-message","topic":${JSON.stringify(topic)},`),
    Buffer.from(reals.slice(1), 'latin1'),
  ]);
}

/** A server as Zeek's WebSocket API is one, as far as the tests need it. */
export async function startWebsocketZeek(t: ExecutionContext, options: Options = {}): Promise<WebsocketZeek> {
  const { port = 0, tls = false, acknowledges = true } = options;
  const server = tls ? createTlsServer({ cert: pem('server'), key: pem('server-key') }) : createServer();
  const sockets = new WebSocketServer({ server, skipUTF8Validation: true });
  const clients: Client[] = [];
  sockets.on('connection', (socket, request) => {
    const client: Client = {
      id: `e4e89b7a-bcae-51eb-8e06-cbb829ddca95-websocket-${clients.length}`,
      socket,
      path: request.url ?? '',
      application: request.headers['x-application-name']?.toString(),
      at: performance.now(),
      frames: [],
      closeCode: undefined,
      send: (frame) => socket.send(frame, { binary: false }),
      acknowledge: () => client.send(encodeAck(client.id, '8.2.2')),
    };
    clients.push(client);
    socket.on('message', (data: Buffer) => {
      client.frames.push(data);
      if (acknowledges && client.frames.length === 1) client.acknowledge();
    });
    socket.on('close', (code) => {
      client.closeCode = code;
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  const stop = async (): Promise<void> => {
    for (const { socket } of clients) socket.terminate();
    sockets.close();
    await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(stop);
  return { port: bound, url: `${tls ? 'wss' : 'ws'}://127.0.0.1:${bound}`, clients, stop };
}
