import { PAYLOAD_FORMATS } from '../../codec/payload-format.js';
import { NODE_ID_PREFIX } from '../../protocol/zeromq/messages.js';
import type { BoundarySearch } from './session-stream.js';

/**
 * Finds the next of Zeek's messages in bytes that begin anywhere in a ZMTP session: three short frames with more
 * behind them, a topic of printable characters, a sender that begins as every node's ID, a known format. The topic's
 * characters make it certain where it begins: no frame's header is printable. A name of 256 bytes or more is not
 * found, and the next message is.
 */
export class ZmtpSearch implements BoundarySearch {
  private buffer: Buffer = Buffer.alloc(0);
  private dropped = 0;

  get skippedBytes(): number {
    return this.dropped;
  }

  get unreadBytes(): number {
    return this.dropped + this.buffer.length;
  }

  push(bytes: Buffer): Buffer | undefined {
    // What is kept is shorter than three frames.
    this.buffer = this.buffer.length === 0 ? bytes : Buffer.concat([this.buffer, bytes]);
    const { buffer } = this;
    let at = buffer.indexOf(SHORT_WITH_MORE);
    for (; at >= 0; at = buffer.indexOf(SHORT_WITH_MORE, at + 1)) {
      const verdict = checkMessage(buffer, at);
      if (verdict === 'no') continue;
      this.drop(at);
      return verdict === 'yes' ? this.buffer : undefined;
    }
    this.drop(buffer.length);
    return undefined;
  }

  finish(): undefined {
    return undefined;
  }

  private drop(bytes: number): void {
    this.buffer = this.buffer.subarray(bytes);
    this.dropped += bytes;
  }
}

/** The flags of a frame of up to 255 bytes that is not a message's last one. */
const SHORT_WITH_MORE = 1;
const HEADER_BYTES = 2;
const PREFIX = Buffer.from(NODE_ID_PREFIX);
/** The format's frame, and the flags of the payload, which is the last one and may be long. */
const FORMATS = PAYLOAD_FORMATS.flatMap((name) =>
  [0, 2].map((flags) =>
    Buffer.concat([Buffer.of(SHORT_WITH_MORE, name.length), Buffer.from(name), Buffer.of(flags)]),
  ),
);

type Verdict = 'yes' | 'no' | 'more';

/** Whether a message begins at a place. `more`: so far it could. */
function checkMessage(bytes: Buffer, at: number): Verdict {
  const sender = frameEnd(bytes, at);
  const topic = bytes.subarray(at + HEADER_BYTES, sender);
  if (topic.some((byte) => byte < 0x20 || byte > 0x7e)) return 'no';
  const first = startsWith(bytes, sender, Buffer.of(SHORT_WITH_MORE));
  const second = startsWith(bytes, sender + HEADER_BYTES, PREFIX);
  if (first !== 'yes' || second !== 'yes') return first === 'no' ? first : second;
  const format = frameEnd(bytes, sender);
  const verdicts = FORMATS.map((one) => startsWith(bytes, format, one));
  return (
    verdicts.find((verdict) => verdict === 'yes') ?? verdicts.find((verdict) => verdict === 'more') ?? 'no'
  );
}

/** Where the short frame at a place ends; behind the end where its length is not there yet. */
const frameEnd = (bytes: Buffer, at: number): number => at + HEADER_BYTES + (bytes[at + 1] ?? bytes.length);

function startsWith(bytes: Buffer, at: number, wanted: Buffer): Verdict {
  const there = bytes.subarray(at, at + wanted.length);
  if (!there.equals(wanted.subarray(0, there.length))) return 'no';
  return there.length === wanted.length ? 'yes' : 'more';
}
