import { DecodeError } from '../../codec/bytes.js';
import { readJson } from '../../codec/json-reader.js';
import type { PayloadFormat } from '../../codec/payload-format.js';
import { displayText, nameToBytes } from '../../codec/text.js';
import type { ZmtpCommand } from '../../protocol/zeromq/commands.js';
import { readZeroMqMessage, type ZeroMqMessage } from '../../protocol/zeromq/messages.js';
import type { ZmtpItem } from '../../protocol/zeromq/zmtp.js';
import type { ShownInspection } from '../inspection-text.js';
import {
  batchContent,
  brokerContent,
  type Decoded,
  damage,
  damagedContent,
  type HeaderPart,
  jsonContent,
  nameText,
  type Place,
} from './decoded.js';

/** ZeroMQ's messages as Zeek has them, and what the sockets say beside them. Offsets count from the payload. */

/** One message, or what it is instead. */
export function decodedZeroMq(parts: readonly Uint8Array[], place: Place): Decoded {
  let message: ZeroMqMessage;
  try {
    message = readZeroMqMessage(parts);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { ...damage(place, Buffer.concat(parts), error.message), kind: 'zeromq' };
  }
  const topic: HeaderPart = { name: 'topic', value: nameText(message.topic) };
  const { type } = message;
  if (!('payload' in message)) return { place, kind: 'zeromq', type, header: [topic] };
  const { sender, format, payload } = message;
  const header = [
    topic,
    { name: 'sender', value: nameText(sender) },
    { name: 'format', value: format },
    { name: 'payload', value: `${payload.length} bytes` },
  ];
  return { place, kind: 'zeromq', type, header, content: contentOf(payload, format) };
}

function contentOf(payload: Uint8Array, format: PayloadFormat): ShownInspection {
  if (format === 'broker-bin-v1') return brokerContent(payload);
  if (format === 'zeek-bin-serializer') return batchContent(payload);
  try {
    return jsonContent(readJson(payload));
  } catch (error) {
    return damagedContent(error, payload);
  }
}

/** What one side of a connection says. */
export function decodedZmtp(item: ZmtpItem, place: Place): Decoded {
  if (item.type === 'message') return decodedZeroMq(item.parts, place);
  if (item.type === 'command') {
    return { place, kind: 'zmtp', type: item.command.name, header: commandHeader(item.command) };
  }
  const { version, mechanism, asServer } = item;
  const header = [
    { name: 'version', value: version.join('.') },
    { name: 'mechanism', value: nameText(mechanism) },
    { name: 'asServer', value: asServer },
  ];
  return { place, kind: 'zmtp', type: 'greeting', header };
}

function commandHeader({ name: _, ...fields }: ZmtpCommand): HeaderPart[] {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]): HeaderPart[] => {
    if (value instanceof Map) {
      return Array.from(value, ([key, text]) => ({
        name: nameText(String(key)),
        value: nameText(String(text)),
      }));
    }
    if (value instanceof Uint8Array) return [{ name, value: displayText(value) }];
    return [{ name, value: typeof value === 'number' ? value : displayText(nameToBytes(String(value))) }];
  });
}
