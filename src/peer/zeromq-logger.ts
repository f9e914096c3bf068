import type { Pull, Reply } from 'zeromq';
import { DecodeError } from '../codec/bytes.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { readZeroMqMessage } from '../protocol/zeromq/messages.js';
import { curveKeys } from '../transport/curve.js';
import { hostPort } from '../transport/endpoint-url.js';
import { answerZap, z85Bytes } from '../transport/zap.js';
import { closeBound, loadZeromq, SOCKET_OPTIONS, watch, ZeromqReader } from '../transport/zeromq.js';
import type { ZeromqLogAddress } from '../transport/zeromq-url.js';
import { FailureLog } from './failure-log.js';
import type { Peer, PeerHost } from './peer.js';
import { type Sender, SenderTable } from './sender-table.js';
import type { PeerStatus } from './status.js';

/**
 * A logger of a ZeroMQ cluster: a PULL socket that every node pushes its log batches to. Nothing is acknowledged; what
 * is not read fills this socket's queue (1,000 batches), then TCP's, then the sender's, which then drops batches.
 */
export class ZeromqLogger implements Peer {
  readonly transport = 'zeromq';
  readonly url: string;
  readonly port: number;
  private readonly reader: ZeromqReader;
  private readonly senders: SenderTable;
  private readonly failures = new FailureLog();
  private ignored = 0;
  private lastError: string | undefined;

  private constructor(
    private readonly address: ZeromqLogAddress,
    private readonly socket: Pull,
    private readonly zap: Reply | undefined,
    private readonly host: PeerHost,
  ) {
    this.port = Number(/:(\d+)$/.exec(socket.lastEndpoint ?? '')?.[1] ?? address.port);
    // With the port that was taken: two at port 0 are not the same one.
    this.url = address.url.replace(/:0(?=\?|$)/, `:${this.port}`);
    this.senders = new SenderTable(this.url, () => host.clock.wallNanos());
    this.reader = new ZeromqReader(socket, (parts) => this.received(parts));
    watch(socket.events, { up: () => {}, down: () => {}, failed: (error) => this.failed(error) });
  }

  /** Throws `listen_failed`, `curve_keys_invalid`, `zeromq_unavailable`. */
  static async listen(address: ZeromqLogAddress, host: PeerHost): Promise<ZeromqLogger> {
    const { Context, Pull } = await loadZeromq();
    const keys = curveKeys(address.curve, 'bind', process.env);
    // Sockets of one context share who may connect.
    const context = keys === undefined ? undefined : new Context();
    const zap = keys && context && (await answerZap(context, z85Bytes(keys.client.publicKey)));
    const socket = new Pull({
      ...SOCKET_OPTIONS,
      ...(keys && context ? { context, curveServer: true, curveSecretKey: keys.server.secretKey } : {}),
    });
    const place = hostPort(address.host, address.port);
    try {
      await socket.bind(`tcp://${address.port === 0 ? `${hostPort(address.host, 0).slice(0, -1)}*` : place}`);
    } catch (error) {
      socket.close();
      zap?.close();
      throw new ZeekwayError(
        'listen_failed',
        `cannot listen at ${place}: ${errorLine(error)}`,
        {},
        { cause: error },
      );
    }
    return new ZeromqLogger(address, socket, zap, host);
  }

  setFilter(): void {
    // Nodes push all their logs to a logger.
  }

  setReading(reading: boolean): void {
    this.reader.setReading(reading);
  }

  publish(): boolean {
    return false;
  }

  /** One for each node that sent something. */
  status(): PeerStatus[] {
    return this.senders.all.map((sender) => this.senderStatus(sender));
  }

  async close(): Promise<void> {
    this.reader.setReading(false);
    await closeBound(this.socket);
    this.zap?.close();
    this.senders.end();
  }

  private senderStatus({ source, since, messages, bytes }: Sender): PeerStatus {
    return {
      transport: 'zeromq',
      id: source.peer,
      ...(source.node === undefined ? {} : { node: source.node }),
      address: hostPort(this.address.host, this.port),
      direction: 'in',
      state: 'peered',
      since,
      filter: [],
      bytesIn: bytes,
      bytesOut: 0,
      messagesIn: messages,
      messagesOut: 0,
      dropped: 0,
      ignoredFrames: this.ignored,
      commands: 0,
      queueBytes: 0,
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    };
  }

  private received(parts: readonly Uint8Array[]): void {
    try {
      const message = readZeroMqMessage(parts);
      if (!('payload' in message)) return;
      const { topic, sender, payload, format } = message;
      this.host.message({ source: this.senders.received(sender, payload.length), topic, payload, format });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.ignored += 1;
      this.failed(
        new ZeekwayError('peer_not_zeromq', `${this.url}: ${errorLine(error)}`, {}, { cause: error }),
      );
    }
  }

  private failed(error: ZeekwayError): void {
    this.lastError = errorLine(error);
    if (!this.failures.isNew(this.url, error)) return;
    const { url: address } = this;
    this.host.event({
      type: 'peer_unavailable',
      transport: 'zeromq',
      address,
      message: error.message,
      error,
    });
  }
}
