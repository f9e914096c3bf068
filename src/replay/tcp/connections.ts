import { REASSEMBLY_STREAMS } from '../../core/limits.js';
import { endpointText, type TcpSegment } from '../capture/segment.js';
import { type HeldBytes, TcpStream } from './stream.js';

/** The two directions of a connection: 0 is from the side that opened it, as far as the capture tells. */
export type Direction = 0 | 1;

/** Who reads the bytes of one connection. */
export interface ConnectionReader {
  /** False once nothing of the connection is of interest any more. */
  readonly isInterested: boolean;
  /** @param hasBeginning whether this direction was captured from its first byte on. */
  data(direction: Direction, bytes: Buffer, time: bigint, hasBeginning: boolean): void;
  /** Bytes of this direction are missing before the next ones. */
  gap(direction: Direction, bytes: number): void;
  /** The connection, or the capture, is over. */
  end(): void;
}

interface Connection {
  /** The key of the packets in direction 0. */
  readonly key: string;
  readonly reader: ConnectionReader;
  readonly streams: readonly [TcpStream, TcpStream];
  isOver: boolean;
}

/**
 * Sorts the segments of a capture into connections, and those into two streams each. A SYN that does not
 * belong to the connection known by these addresses and ports begins a new one. An RST is not acted upon: it
 * may be captured before the data sent before it.
 */
export class TcpConnections {
  /** By the key of either direction, the one idle for longest first. */
  private readonly connections = new Map<string, Connection>();
  private readonly held: HeldBytes = { total: 0 };

  /** @param open is called with a text that names the connection, `10.0.0.1:40000 -> 10.0.0.2:9999`. */
  constructor(private readonly open: (name: string) => ConnectionReader) {}

  accept(segment: TcpSegment, time: bigint): void {
    const key = segmentKey(segment, true);
    const reverse = segmentKey(segment, false);
    const known = this.connections.get(key) ?? this.connections.get(reverse);
    let connection = known ?? this.begin(segment, key, reverse);
    let direction: Direction = connection.key === key ? 0 : 1;
    if (segment.syn && !joins(connection, direction, segment)) {
      this.close(connection);
      connection = this.begin(segment, key, reverse);
      direction = connection.key === key ? 0 : 1;
      connection.streams[direction].begin(segment.sequence);
    }
    if (known === connection) {
      this.connections.delete(connection.key);
      this.connections.set(connection.key, connection);
    }
    this.pass(connection, direction, segment, time);
  }

  private pass(connection: Connection, direction: Direction, segment: TcpSegment, time: bigint): void {
    if (connection.isOver) return;
    const { sequence, payload, cutOff, acknowledged, syn, fin } = segment;
    const [from, to] =
      direction === 0 ? connection.streams : ([connection.streams[1], connection.streams[0]] as const);
    if (acknowledged !== undefined) to.acknowledge(acknowledged);
    from.accept(syn ? (sequence + 1) >>> 0 : sequence, payload, cutOff, fin, time);
    if (!connection.reader.isInterested || (from.isComplete && to.isComplete)) this.close(connection);
  }

  /** Ends all connections, in the order in which they were last heard of. */
  finish(): void {
    for (const connection of this.connections.values()) this.close(connection);
    this.connections.clear();
  }

  private begin(segment: TcpSegment, key: string, reverse: string): Connection {
    const isAnswer = segment.syn && segment.acknowledged !== undefined;
    const ends = [
      endpointText(segment.source, segment.sourcePort),
      endpointText(segment.destination, segment.destinationPort),
    ];
    const reader = this.open((isAnswer ? ends.reverse() : ends).join(' -> '));
    const connection: Connection = {
      key: isAnswer ? reverse : key,
      reader,
      streams: [this.stream(reader, 0), this.stream(reader, 1)],
      isOver: false,
    };
    this.connections.delete(key);
    this.connections.delete(reverse);
    this.connections.set(connection.key, connection);
    if (this.connections.size > REASSEMBLY_STREAMS) this.evict();
    return connection;
  }

  private stream(reader: ConnectionReader, direction: Direction): TcpStream {
    const stream: TcpStream = new TcpStream(
      {
        data: (bytes, time) => reader.data(direction, bytes, time, stream.hasBeginning),
        gap: (bytes) => reader.gap(direction, bytes),
      },
      this.held,
    );
    return stream;
  }

  private evict(): void {
    for (const connection of this.connections.values()) {
      this.close(connection);
      this.connections.delete(connection.key);
      return;
    }
  }

  private close(connection: Connection): void {
    if (connection.isOver) return;
    connection.isOver = true;
    for (const stream of connection.streams) stream.finish();
    connection.reader.end();
  }
}

/** Whether a SYN is part of the connection; it is noted there. */
function joins(connection: Connection, direction: Direction, segment: TcpSegment): boolean {
  const stream = connection.streams[direction];
  if (!connection.isOver) return stream.begin(segment.sequence);
  return stream.beganWith(segment.sequence) ?? segment.acknowledged !== undefined;
}

function segmentKey(segment: TcpSegment, forward: boolean): string {
  const source = `${segment.source.toString('latin1')}${segment.sourcePort}`;
  const destination = `${segment.destination.toString('latin1')}${segment.destinationPort}`;
  return forward ? `${source}>${destination}` : `${destination}>${source}`;
}
