import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import pino from 'pino';
import { WebSocket } from 'ws';
import { TokenGate } from '../../src/access/token-gate.js';
import { ANONYMOUS, OPEN_GATE } from '../../src/core/access.js';
import { Door, type DoorOptions } from '../../src/door/door.js';
import { refuseForeignPage } from '../../src/http/cross-site.js';
import { createServer } from '../../src/http/server.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import { systemClock } from '../../src/peer/system.js';
import { LISTEN, until, urlOf } from '../support/endpoints.js';
import { silentLogger } from '../support/logger.js';

/** Whose end something has to wait for: a test. */
interface Owner {
  teardown(end: () => unknown): void;
}

/** What a client was told. */
// biome-ignore lint/suspicious/noExplicitAny: frames are checked field by field.
export type Told = any;

/** Who may come in, by what a configuration says. */
export function accessOf(
  tokens: ReadonlyMap<string, string>,
  publish: ReadonlyMap<string, readonly string[]>,
): DoorOptions['access'] {
  const configured = { tokens, publish };
  const gate = new TokenGate({ clock: systemClock, logger: silentLogger, isRequired: false, configured });
  return { gate, needsToken: tokens.size > 0, anonymousPublish: publish.get(ANONYMOUS) ?? [] };
}

/** A gateway's door on a real HTTP server, with a Zeek, as far as it can tell, behind it. */
export async function openDoor(owner: Owner, options: Partial<DoorOptions> = {}) {
  const [endpoint, zeek] = [new Endpoint(), new Endpoint()];
  const door = new Door({
    upstream: endpoint,
    clock: systemClock,
    logger: silentLogger,
    version: '1.2.3',
    access: accessOf(new Map(), new Map([['anonymous', ['']]])),
    overflow: 'drop_oldest',
    refusePages: refuseForeignPage,
    ...options,
  });
  // Nobody asks for what is stored.
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1 });
  const server = createServer({
    pool,
    probePool: pool,
    peers: () => [],
    health: () => ({ ready: true, checks: [] }),
    deadLetters: {
      inspect: () => {
        throw new Error('nobody inspects');
      },
      retry: () => {
        throw new Error('nobody retries');
      },
    },
    door,
    gate: OPEN_GATE,
    logger: pino({ level: 'silent' }),
    version: '1.2.3',
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  owner.teardown(async () => {
    await server.close();
    await Promise.all([endpoint.close(), zeek.close(), pool.end()]);
  });
  zeek.peer(urlOf(await endpoint.listen(LISTEN)));
  await until('the peers have found each other', () => zeek.peers()[0]?.state === 'peered');
  const { port } = server.server.address() as AddressInfo;
  return {
    door,
    endpoint,
    zeek,
    server,
    host: `127.0.0.1:${port}`,
    url: `ws://127.0.0.1:${port}/v1/messages/json`,
  };
}

/** A WebSocket client with the frames that it got. */
export class TestClient {
  readonly frames: Buffer[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly socket: WebSocket;

  constructor(owner: Owner, url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers });
    this.socket.on('message', (data) => this.frames.push(data as Buffer));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('error', () => {});
    owner.teardown(() => this.socket.terminate());
  }

  /** What it was told, each frame parsed. */
  get told(): Told[] {
    return this.frames.map((frame) => JSON.parse(frame.toString()));
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  /** Subscribes and waits for the ack. */
  async subscribe(topics: readonly string[]): Promise<this> {
    this.socket.send(JSON.stringify(topics));
    await this.has(1);
    return this;
  }

  /** Waits until it has so many frames. */
  async has(frames: number): Promise<void> {
    await until(`${frames} frames came`, () => this.frames.length >= frames);
  }
}

/** A client that has subscribed. */
export const subscriber = async (
  owner: Owner,
  url: string,
  topics: readonly string[],
  headers?: Record<string, string>,
): Promise<TestClient> => (await new TestClient(owner, url, headers).opened()).subscribe(topics);

/** The frame of an event with one string. */
export const eventFrame = (topic: string, name: string, text = ''): string =>
  JSON.stringify({
    type: 'data-message',
    topic,
    '@data-type': 'vector',
    data: [
      { '@data-type': 'count', data: 1 },
      { '@data-type': 'count', data: 1 },
      {
        '@data-type': 'vector',
        data: [
          { '@data-type': 'string', data: name },
          { '@data-type': 'vector', data: [{ '@data-type': 'string', data: text }] },
        ],
      },
    ],
  });

/** Name and first argument of the event in what a client was told. */
export function eventOf(told: Told): [name: string, argument: unknown] {
  const [name, args] = told.data[2].data;
  return [name.data, args.data[0]?.data];
}
