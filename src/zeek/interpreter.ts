import { encodeValue } from '../codec/value-binary.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS, PEER_LOG_SCHEMAS } from '../core/limits.js';
import { nodeNameFromHello } from './cluster.js';
import type { Item, Origin } from './item.js';
import { SchemaRegistry } from './log-schema.js';
import { logCreateMessage, logWriteMessage, readMessages, type ZeekMessage } from './message.js';

/**
 * Turns the payloads of one peer into items. It knows the schemas that this peer announced (two peers may
 * have different ones for one path) and learns the peer's node name from its `Cluster::hello`.
 */
export class Interpreter {
  readonly schemas = new SchemaRegistry();

  constructor(
    private currentOrigin: Origin,
    private readonly limits: CodecLimits = DEFAULT_CODEC_LIMITS,
  ) {}

  get origin(): Origin {
    return this.currentOrigin;
  }

  /**
   * @param payload the value bytes of a data envelope.
   * @param received nanoseconds since the Unix epoch.
   */
  interpret(topic: string, payload: Uint8Array, received: bigint): Item[] {
    return readMessages(payload, this.limits).map((message) => this.item(message, topic, received));
  }

  private item(message: ZeekMessage, topic: string, received: bigint): Item {
    if (message.type === 'event') {
      const node = nodeNameFromHello(message.event, this.currentOrigin.peer);
      if (node !== undefined) this.currentOrigin = { ...this.currentOrigin, node };
    }
    const origin = this.currentOrigin;
    const base = { origin, topic, received };
    switch (message.type) {
      case 'event':
        return { kind: 'event', event: message.event, ...base };
      case 'log-create':
        if (this.schemas.add(message.schema)) return { kind: 'schema', schema: message.schema, ...base };
        return {
          kind: 'dead-letter',
          code: 'too_many_logs',
          reason: `log "${message.schema.path}" is one more than the ${PEER_LOG_SCHEMAS} that a peer may announce`,
          subject: message.schema.stream,
          raw: encodeValue(logCreateMessage(message.schema)),
          ...base,
        };
      case 'log-write': {
        const schema = this.schemas.find(message);
        // Most items by far: without the spread it takes half the time.
        if (schema) return { kind: 'log', schema, serial: message.serial, origin, topic, received };
        return {
          kind: 'dead-letter',
          code: 'log_without_schema',
          reason: `a record of ${message.stream} (path ${message.path}) came before its LogCreate`,
          subject: message.stream,
          raw: encodeValue(logWriteMessage(message, message.serial)),
          ...base,
        };
      }
      case 'identifier-update':
        return { kind: 'identifier', name: message.name, value: message.value, ...base };
      case 'bad': {
        const { code, reason, subject, raw } = message;
        return { kind: 'dead-letter', code, reason, subject, raw, ...base };
      }
    }
  }
}
