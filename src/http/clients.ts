import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** A WebSocket client, as the door shows it. */
interface ClientStatus {
  /** Whose token it has; `anonymous` without one. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** What it calls itself; empty where it does not say. */
  readonly application: string;
  readonly since: Date;
  /** The topic prefixes that it subscribes to. */
  readonly topics: readonly string[];
  readonly queued: number;
  readonly sent: number;
  readonly dropped: number;
}

/** What the server needs of the door to which it leads WebSocket clients. */
export interface ClientDoor {
  /** Throws for a request that is not let in. @returns what opens the connection, at once. */
  admit(request: IncomingMessage): (stream: Duplex, head: Buffer) => void;
  clients(): readonly ClientStatus[];
  /** Lets all clients go. */
  close(): void;
}
