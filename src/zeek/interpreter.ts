import type { PayloadFormat } from '../codec/payload-format.js';
import { encodeValue } from '../codec/value-binary.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS, PEER_LOG_SCHEMAS } from '../core/limits.js';
import { nodeNameFromHello } from './cluster.js';
import type { Item, Origin } from './item.js';
import { isLogEvent, readLogEvent } from './log-event.js';
import { isSameSchema, type LogSchema, SchemaRegistry } from './log-schema.js';
import { logCreateMessage, logWriteMessage, type ZeekMessage } from './message.js';
import { type LogBatchMessage, type PayloadMessage, readPayload } from './payload.js';

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
   * @param received nanoseconds since the Unix epoch.
   * @param format what the payload is; a Broker value where it is left out, as in a data envelope.
   */
  interpret(
    topic: string,
    payload: Uint8Array,
    received: bigint,
    format: PayloadFormat = 'broker-bin-v1',
  ): Item[] {
    const items: Item[] = [];
    for (const message of readPayload(payload, format, this.limits)) {
      this.add(items, message, topic, received);
    }
    return items;
  }

  private add(items: Item[], message: PayloadMessage, topic: string, received: bigint): void {
    if (message.type === 'log-batch') this.addRecords(items, message, topic, received);
    else if (message.type === 'event' && isLogEvent(message.event)) {
      for (const part of readLogEvent(message.event, this.limits)) this.add(items, part, topic, received);
    } else items.push(this.item(message, topic, received));
  }

  /** The records of a batch, and in front of them their schema where it is new. */
  private addRecords(
    items: Item[],
    { schema, records }: LogBatchMessage,
    topic: string,
    received: bigint,
  ): void {
    const { origin } = this;
    const known = this.schemas.find(schema);
    const isKnown = known !== undefined && isSameSchema(known, schema);
    if (!isKnown) items.push(this.announced(schema, topic, received));
    const used = isKnown ? known : schema;
    for (const serial of records) items.push({ kind: 'log', schema: used, serial, origin, topic, received });
  }

  private announced(schema: LogSchema, topic: string, received: bigint): Item {
    const base = { origin: this.currentOrigin, topic, received };
    if (this.schemas.add(schema)) return { kind: 'schema', schema, ...base };
    return {
      kind: 'dead-letter',
      code: 'too_many_logs',
      reason: `log "${schema.path}" is one more than the ${PEER_LOG_SCHEMAS} that a peer may announce`,
      subject: schema.stream,
      raw: encodeValue(logCreateMessage(schema)),
      ...base,
    };
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
        return this.announced(message.schema, topic, received);
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
        const { type: _, ...letter } = message;
        return { kind: 'dead-letter', ...letter, ...base };
      }
    }
  }
}
