import type { Direction } from '../tcp/connections.js';
import type { CaptureSession, SessionContext, Verdict } from './capture-session.js';

/**
 * TLS (RFC 8446, section 5.1): records of `u8 type, u16 version, u16 length`. Cannot be read; a Broker
 * peering that is encrypted looks like any other.
 */

const RECORD_HEADER_BYTES = 5;
const FIRST_TYPE = 20;
const LAST_TYPE = 23;
const HANDSHAKE = 22;
/** The most a record may hold, with room for what encryption adds (RFC 5246, section 6.2.3). */
const RECORD_BYTES = 16_384 + 2_048;

function looksLikeTls(head: Buffer, hasBeginning: boolean): boolean {
  const type = head[0] as number;
  const isType = hasBeginning ? type === HANDSHAKE : type >= FIRST_TYPE && type <= LAST_TYPE;
  const length = head.readUInt16BE(3);
  return isType && head[1] === 3 && (head[2] as number) <= 4 && length > 0 && length <= RECORD_BYTES;
}

export class TlsSession implements CaptureSession {
  verdict: Verdict = 'undecided';
  private readonly heads: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];

  constructor(
    private readonly name: string,
    private readonly context: SessionContext,
  ) {}

  data(direction: Direction, bytes: Buffer, _time: bigint, hasBeginning: boolean): void {
    if (this.verdict !== 'undecided') return;
    const head = Buffer.concat([this.heads[direction], bytes.subarray(0, RECORD_HEADER_BYTES)]);
    this.heads[direction] = head;
    if (head.length < RECORD_HEADER_BYTES) return;
    if (!looksLikeTls(head, hasBeginning)) {
      this.verdict = 'foreign';
      return;
    }
    this.verdict = 'unreadable';
    this.context.report.warn('capture_encrypted', this.name, `${this.name} is a TLS session`);
  }

  gap(direction: Direction): void {
    // What follows a gap is not the beginning of a record.
    if (this.verdict === 'undecided' && this.heads[direction].length < RECORD_HEADER_BYTES) {
      this.verdict = 'foreign';
    }
  }

  end(): void {}
}
