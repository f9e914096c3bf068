/** The state of one peer, as the peer manager hands it in. Counters begin when the peer was first seen. */
export interface PeerStatus {
  /** The peer's endpoint ID; empty until its handshake told it. */
  readonly id: string;
  /** Its name in the Zeek cluster (`worker-1`), once it said hello. */
  readonly node?: string;
  /** `host:port` of the connection, or what is being dialled. */
  readonly address: string;
  /** The endpoint URL that it was configured with; absent for a peer that dialled us. */
  readonly url?: string;
  /** `in`: the peer dialled us; `out`: we dial it. */
  readonly direction: 'in' | 'out';
  readonly state: 'connecting' | 'peered' | 'retrying' | 'standby';
  /** When it came into this state. */
  readonly since: Date;
  /** The topic prefixes that it subscribes to. */
  readonly filter: readonly string[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Bytes that wait to be written to it. */
  readonly queueBytes: number;
  /** One line. */
  readonly lastError?: string;
}

/** One reason to be ready or not. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Health {
  readonly ready: boolean;
  readonly checks: readonly HealthCheck[];
}

/** An event that somebody publishes over HTTP. */
interface PublishedEvent {
  readonly topic: string;
  readonly name: string;
  /** Each in Zeek's notation. */
  readonly args: readonly string[];
}

/** A value of an identifier that somebody publishes over HTTP. */
interface PublishedIdentifier {
  readonly topic: string;
  readonly name: string;
  /** In Zeek's notation. */
  readonly value: string;
}

/** What the API can do with peers. */
export interface PeerActions {
  /** Throws `notation_invalid`, `request_invalid`. @returns to how many peers the event was sent. */
  publish(event: PublishedEvent): number;
  /** As `publish`. */
  publishIdentifier(identifier: PublishedIdentifier): number;
  /** Peers with a URL until the end of this run. Throws `endpoint_url_invalid`. @returns the URL as it may be shown. */
  add(url: string): string;
  /** Ends a peering, by endpoint ID or URL. Throws `endpoint_url_invalid`, `endpoint_id_invalid`. @returns whether there was one. */
  remove(idOrUrl: string): Promise<boolean>;
}

/** What came of one log from one peer since the start. */
export interface IngestStream {
  /** The endpoint ID. */
  readonly peer: string;
  readonly node?: string;
  /** The peer's address. */
  readonly name: string;
  readonly stream: string;
  readonly path: string;
  readonly records: number;
  readonly bytes: number;
  /** When the last record arrived. */
  readonly last: Date;
}
