import type { ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import { TAIL_QUEUE_BYTES } from '../core/limits.js';

/** Where the messages of a tail go. */
interface Sink {
  /** What was given to it and is not with the client yet. */
  readonly queuedBytes: number;
  /** @param data JSON. */
  send(event: string, data: string): void;
  /** Something that keeps the connection alive. */
  beat(): void;
}

/** Server-Sent Events (HTML standard, section 9.2). */
export function eventStream(response: ServerResponse): Sink {
  return {
    get queuedBytes() {
      return response.writableLength;
    },
    send: (event, data) => void response.write(`event: ${event}\ndata: ${data}\n\n`),
    beat: () => void response.write(':\n\n'),
  };
}

/** A frame for each message: `{"event":"row","data":{...}}`. */
export function webSocketFrames(socket: WebSocket): Sink {
  return {
    get queuedBytes() {
      return socket.bufferedAmount;
    },
    send: (event, data) => socket.send(`{"event":"${event}","data":${data}}`),
    beat: () => socket.ping(),
  };
}

/**
 * One client that follows something. While too much waits for it, messages are left out; how many is told in their place,
 * before the next one or with the next beat.
 */
export class TailClient {
  private untold = 0;

  constructor(
    private readonly sink: Sink,
    private readonly queueBytes = TAIL_QUEUE_BYTES,
  ) {}

  /** @param data JSON. @returns whether there was room for it. */
  tell(event: string, data: string): boolean {
    if (this.sink.queuedBytes > this.queueBytes) {
      this.miss(1);
      return false;
    }
    this.tellGap();
    this.sink.send(event, data);
    return true;
  }

  /** So many messages were left out before they came here. */
  miss(messages: number): void {
    this.untold += messages;
  }

  beat(): void {
    if (this.sink.queuedBytes > this.queueBytes) return;
    this.tellGap();
    this.sink.beat();
  }

  private tellGap(): void {
    if (this.untold === 0) return;
    this.sink.send('gap', JSON.stringify({ dropped: this.untold }));
    this.untold = 0;
  }
}
