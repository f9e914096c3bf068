import { encodeValue } from '../../src/codec/value-binary.js';
import { EVERYBODY } from '../../src/protocol/broker/endpoint-id.js';
import { encodeEnvelope, frame } from '../../src/protocol/broker/envelope.js';
import { encodeHandshake, type HandshakeMessage } from '../../src/protocol/broker/messages.js';
import type { LogItem } from '../../src/zeek/item.js';
import { batchMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { capture, connection, partsOf } from '../replay/session.js';
import { LARGEST_ID, SMALLEST_ID } from '../support/session-pair.js';

/** Bytes of a TCP segment on Ethernet. */
const SEGMENT_BYTES = 1448;
/** `Broker::log_batch_size`. */
const BATCH_RECORDS = 400;

const say = (message: HandshakeMessage): Buffer => frame(encodeHandshake(message));

/** A capture (pcap) of a Zeek that sends these records to its logger. */
export function connCapture(items: readonly LogItem[]): Buffer {
  const [first] = items;
  if (!first) throw new RangeError('no records');
  const version = { minVersion: 1, maxVersion: 1 };
  const publish = (payload: Buffer): Buffer =>
    frame(
      encodeEnvelope({
        type: 'data',
        sender: SMALLEST_ID,
        receiver: EVERYBODY,
        ttl: 16,
        topic: first.topic,
        payload,
      }),
    );
  const batches = Array.from({ length: Math.ceil(items.length / BATCH_RECORDS) }, (_, index) => {
    const records = items.slice(index * BATCH_RECORDS, (index + 1) * BATCH_RECORDS);
    return publish(
      encodeValue(batchMessage(records.map(({ schema, serial }) => logWriteMessage(schema, serial)))),
    );
  });
  const dialler = Buffer.concat([
    say({ type: 'hello', sender: SMALLEST_ID, ...version }),
    say({ type: 'version_select', sender: SMALLEST_ID, version: 1 }),
    say({ type: 'originator_syn', filter: [] }),
    say({ type: 'originator_ack' }),
    publish(encodeValue(logCreateMessage(first.schema))),
    ...batches,
  ]);
  const listener = Buffer.concat([
    say({ type: 'probe' }),
    say({ type: 'hello', sender: LARGEST_ID, ...version }),
    say({ type: 'responder_syn_ack', filter: ['zeek/logs/'] }),
  ]);
  const sides = [
    { bytes: dialler, frames: [] },
    { bytes: listener, frames: [] },
  ] as const;
  return capture(connection([...sides], partsOf([...sides], SEGMENT_BYTES)));
}
