import { displayText } from '../../codec/text.js';
import { batchContent, brokerContent, type Decoded, type HeaderPart, type Place, rawContent } from './decoded.js';
import { decodedJson } from './json.js';

/** The parts of messages in a ZeroMQ cluster of Zeek's. */

const SUBSCRIBE = 1;
const NAMES = ['topic', 'node', 'format'] as const;

/** One message: topic, node, format and payload, or a subscription. Others are shown as bytes. */
export function decodedZeroMq(parts: readonly Buffer[], place: Place): Decoded {
  const [first, second, third, payload] = parts;
  const isSubscription = parts.length === 1 && first !== undefined && (first[0] ?? 2) <= SUBSCRIBE;
  if (isSubscription) {
    const type = first[0] === SUBSCRIBE ? 'subscribe' : 'unsubscribe';
    return { place, kind: 'zeromq', type, header: [{ name: 'topic', value: displayText(first.subarray(1)) }] };
  }
  if (!first || !second || !third || !payload || parts.length !== 4) {
    const header = parts.map((part, index): HeaderPart => ({ name: `part ${index + 1}`, value: part.toString('hex') }));
    return { place, kind: 'zeromq', type: `message of ${parts.length} parts`, header };
  }
  const header = NAMES.map((name, index): HeaderPart => ({ name, value: displayText(parts[index] ?? '') }));
  const format = third.toString('latin1');
  const common = { place, kind: 'zeromq', type: format === 'zeek-bin-serializer' ? 'logs' : 'events', header };
  switch (format) {
    case 'broker-bin-v1':
      return { ...common, content: brokerContent(payload) };
    case 'broker-json-v1': {
      const { content } = decodedJson(payload, place);
      return { ...common, ...(content ? { content } : {}) };
    }
    case 'zeek-bin-serializer':
      return { ...common, content: batchContent(payload) };
    default:
      return { ...common, type: 'message', content: rawContent(payload) };
  }
}
