import { ZEROMQ_SENDERS } from '../core/limits.js';
import { nodeNameFromId } from '../zeek/zeromq-node.js';
import type { MessageSource } from './message.js';

/** What came from one node. */
export interface Sender {
  readonly source: MessageSource;
  readonly since: bigint;
  messages: number;
  bytes: number;
}

/**
 * The nodes that one ZeroMQ socket gets messages from: it does not tell who is connected, only the messages say who
 * sent them. The one that has been silent for longest makes room for a new one when there are too many.
 */
export class SenderTable {
  private readonly senders = new Map<string, { readonly sender: Sender; readonly end: () => void }>();

  /** @param place the URL of the socket. */
  constructor(
    private readonly place: string,
    private readonly now: () => bigint,
  ) {}

  /** Counts a message. @param id the ID of the node that sent it. */
  received(id: string, bytes: number): MessageSource {
    const known = this.senders.get(id) ?? this.make(id);
    // The last one is the one that was heard last.
    this.senders.delete(id);
    this.senders.set(id, known);
    const { sender } = known;
    sender.messages += 1;
    sender.bytes += bytes;
    return sender.source;
  }

  get all(): Sender[] {
    return [...this.senders.values()].map(({ sender }) => sender);
  }

  /** Nothing more comes from any of them. */
  end(): void {
    for (const { end } of this.senders.values()) end();
    this.senders.clear();
  }

  private make(id: string) {
    const [oldest] = this.senders;
    if (oldest && this.senders.size >= ZEROMQ_SENDERS) {
      const [silent, { end }] = oldest;
      this.senders.delete(silent);
      end();
    }
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const node = nodeNameFromId(id);
    const source: MessageSource = {
      transport: 'zeromq',
      peer: id,
      name: this.place,
      address: this.place,
      ended,
      ...(node === undefined ? {} : { node }),
    };
    return { sender: { source, since: this.now(), messages: 0, bytes: 0 }, end };
  }
}
