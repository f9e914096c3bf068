import { encodeLogRecord } from '../codec/log-record.js';
import { encodeValue } from '../codec/value-binary.js';
import { logWriteMessage } from '../zeek/message.js';
import { NUMBER_DIGITS } from './plan.js';
import {
  clientHost,
  clientPort,
  hasClientPort,
  type RecordStream,
  RING_RECORDS,
  serverHost,
} from './records.js';

/** Before a value stand two type tags and a flag; before a string also its length, before a port's 16 bits zeros. */
const VALUE_HEAD_BYTES = 9;
const STRING_HEAD_BYTES = VALUE_HEAD_BYTES + 4;
const PORT_HEAD_BYTES = VALUE_HEAD_BYTES + 6;

/** The LogWrite message of a sample, and where in it each of the first fields begins; the last one is their end. */
interface EncodedSample {
  readonly message: Buffer;
  readonly fields: readonly [number, number, number, number, number, number];
}

function encodeSample(stream: RecordStream, number: number): EncodedSample {
  const serial = stream.encode(number);
  const message = encodeValue(logWriteMessage(stream.schema, serial));
  const head = stream.head(number);
  // The record is the last thing in its message; a field begins where a record of the fields before it would end.
  const at = (fields: number): number =>
    message.length - serial.length + encodeLogRecord(head.slice(0, fields)).length;
  return { message, fields: [at(0), at(1), at(2), at(3), at(4), at(5)] };
}

/**
 * The LogWrite messages of a stream, made once; for each record only what differs from the last one with the same
 * sample is written over, in place: some 25 bytes. It is what makes the generator cheap (docs/performance.md).
 */
export class RecordRing {
  private readonly bytes: Buffer;
  private readonly view: DataView;
  /** Where each message begins, and the end of the last. */
  private readonly starts = new Uint32Array(RING_RECORDS + 1);
  /** Where in `bytes` what differs is: the time, the UID's digits, the last two bytes of addresses, the port. */
  private readonly times = new Uint32Array(RING_RECORDS);
  private readonly digits = new Uint32Array(RING_RECORDS);
  private readonly clients = new Uint32Array(RING_RECORDS);
  /** 0 where the port stays. */
  private readonly ports = new Uint32Array(RING_RECORDS);
  private readonly servers = new Uint32Array(RING_RECORDS);

  constructor(private readonly stream: RecordStream) {
    const encoded = new Map<number, EncodedSample>();
    const messages: Buffer[] = [];
    let start = 0;
    for (let slot = 0; slot < RING_RECORDS; slot++) {
      const sample = encoded.get(stream.sampleIndex(slot)) ?? encodeSample(stream, slot);
      encoded.set(stream.sampleIndex(slot), sample);
      const { message, fields } = sample;
      this.times[slot] = start + fields[0] + VALUE_HEAD_BYTES;
      this.digits[slot] = start + fields[1] + STRING_HEAD_BYTES + 1;
      this.clients[slot] = start + fields[3] - 2;
      this.ports[slot] = hasClientPort(stream.sample(slot)) ? start + fields[3] + PORT_HEAD_BYTES : 0;
      this.servers[slot] = start + fields[5] - 2;
      messages.push(message);
      start += message.length;
      this.starts[slot + 1] = start;
    }
    this.bytes = Buffer.concat(messages);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }

  /** How many records can be taken at once from this one on. */
  room(first: number): number {
    return RING_RECORDS - (first % RING_RECORDS);
  }

  /**
   * The LogWrite messages of so many records, one behind the other: a view of the ring, valid until they are taken
   * again. @param count at most `room(first)`.
   */
  take(first: number, count: number): Buffer {
    const slot = first % RING_RECORDS;
    for (let index = 0; index < count; index++) this.patch(slot + index, first + index);
    return this.bytes.subarray(this.starts[slot], this.starts[slot + count]);
  }

  private patch(slot: number, number: number): void {
    const { view, stream } = this;
    const hash = stream.hash(number);
    view.setFloat64(this.times[slot] as number, stream.micros(number) / 1e6);
    const digits = this.digits[slot] as number;
    let rest = number;
    for (let index = 0; index < NUMBER_DIGITS; index++) {
      const next = (rest / 10) | 0;
      view.setUint8(digits + index, 48 + rest - next * 10);
      rest = next;
    }
    view.setUint16(this.clients[slot] as number, clientHost(hash));
    const port = this.ports[slot] as number;
    if (port !== 0) view.setUint16(port, clientPort(hash));
    view.setUint16(this.servers[slot] as number, serverHost(hash));
  }
}
