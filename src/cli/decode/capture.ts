import { formatTimestamp } from '../../codec/time.js';
import { PEER_LOG_SCHEMAS } from '../../core/limits.js';
import { systemClock } from '../../peer/system.js';
import type { Envelope } from '../../protocol/broker/envelope.js';
import type { HandshakeMessage } from '../../protocol/broker/messages.js';
import type { ZmtpItem } from '../../protocol/zeromq/zmtp.js';
import { replayBytes } from '../../replay/replay.js';
import type { ReplayReport } from '../../replay/report.js';
import type { CaptureWatcher, MessagePlace } from '../../replay/session/capture-session.js';
import { SchemaRegistry } from '../../zeek/log-schema.js';
import { decodedEnvelope, decodedHandshake } from './broker.js';
import { type Decoded, damage, type Place } from './decoded.js';
import { decodedZmtp } from './zeromq.js';

/** Takes the messages of the sessions in a capture, in the order in which they were captured. */
class Messages implements CaptureWatcher {
  ready: Decoded[] = [];
  /** By sender: what it has announced. */
  private readonly schemas = new Map<string, SchemaRegistry>();

  handshake(message: HandshakeMessage, frame: Uint8Array, place: MessagePlace): void {
    this.ready.push(decodedHandshake(message, shownPlace(place, frame)));
  }

  envelope(envelope: Envelope, frame: Uint8Array, place: MessagePlace): void {
    const schemas = this.schemas.get(envelope.sender) ?? new SchemaRegistry();
    if (this.schemas.size < PEER_LOG_SCHEMAS) this.schemas.set(envelope.sender, schemas);
    this.ready.push(decodedEnvelope(envelope, frame, shownPlace(place, frame), schemas));
  }

  malformed(frame: Uint8Array, reason: string, place: MessagePlace): void {
    this.ready.push({ ...damage(shownPlace(place, frame), frame, reason), kind: 'frame' });
  }

  zmtp(item: ZmtpItem, place: MessagePlace): void {
    this.ready.push(decodedZmtp(item, shownPlace(place)));
  }

  take(): Decoded[] {
    return this.ready.splice(0);
  }
}

function shownPlace({ name, time, offset }: MessagePlace, frame?: Uint8Array): Place {
  const [from = '', to = ''] = name.split(' -> ');
  const place = { from, to, time: `${formatTimestamp(time)}Z`, offset };
  return frame ? { ...place, bytes: frame.length } : place;
}

/**
 * What is in a capture, read as it is asked for. Throws as a replay does.
 * @param onReport called once with what will have the warnings at the end.
 */
export async function* decodedCapture(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  onReport: (report: ReplayReport) => void,
): AsyncGenerator<Decoded> {
  const watcher = new Messages();
  const { items, report } = await replayBytes(file, bytes, { clock: systemClock, watcher });
  onReport(report);
  // The end may be an error, behind what was read.
  try {
    for await (const _ of items) yield* watcher.take();
  } finally {
    yield* watcher.take();
  }
}
