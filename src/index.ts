/**
 * zeekway as a library: endpoints that speak Broker, ZeroMQ and WebSocket, Zeek's values, events and logs, in their exact types.
 *
 * ```ts
 * import { count, Endpoint } from 'zeekway';
 *
 * const endpoint = new Endpoint();
 * endpoint.peer('broker://127.0.0.1:9999?tls=off');
 * endpoint.subscribe(['zeek/event/'], ({ topic, events }) => console.log(topic, events));
 * endpoint.on('peer', ({ type, peer }) => {
 *   if (type === 'peer_added') endpoint.publishEvent('zeek/event/hello', 'hello', ['from zeekway', count(1)]);
 * });
 * ```
 */

export { Address, Subnet } from './codec/address.js';
export { DecodeError } from './codec/bytes.js';
export {
  decodeLogRecord,
  encodeLogRecord,
  isAbsent,
  LOG_TYPES,
  type LogField,
  type LogScalar,
  type LogType,
  type LogValue,
} from './codec/log-record.js';
export { PAYLOAD_FORMATS, type PayloadFormat } from './codec/payload-format.js';
export { Port, PROTOCOLS, type Protocol } from './codec/port.js';
export { displayText, escapeText, type Text, unescapeText } from './codec/text.js';
export {
  formatTimespan,
  formatTimestamp,
  nanosFromSeconds,
  parseTimespan,
  parseTimestamp,
} from './codec/time.js';
export {
  address,
  boolean,
  compare,
  count,
  enumValue,
  equals,
  fromNatural,
  integer,
  type Natural,
  type NaturalResult,
  none,
  port,
  real,
  set,
  string,
  subnet,
  type TableEntry,
  table,
  timespan,
  timestamp,
  toNatural,
  type Value,
  type ValueOf,
  type ValueType,
  vector,
} from './codec/value.js';
export { decodeValue, encodeValue } from './codec/value-binary.js';
export { decodeValueJson, encodeValueJson, type JsonOptions } from './codec/value-json.js';
export type { Clock, RandomBytes } from './core/clock.js';
export { ERROR_CATALOGUE, type ErrorCode, type ErrorWhere, ZeekwayError } from './core/errors.js';
export { type CodecLimits, DEFAULT_CODEC_LIMITS } from './core/limits.js';
export {
  Endpoint,
  type EndpointOptions,
  type MessageHandler,
  type PublishEventOptions,
  type PublishOptions,
} from './peer/endpoint.js';
export { Message, type MessageSource } from './peer/message.js';
export { parseRoutes, type Route } from './peer/routes.js';
export type { PeerEvent, PeerStatus, Transport } from './peer/status.js';
export { Subscription } from './peer/subscription.js';
export type { EndpointId } from './protocol/broker/endpoint-id.js';
export type { EntityId } from './protocol/store/commands.js';
export type { StoreEvent } from './protocol/store/outputs.js';
export type { StoreBackend, StoreChange, StoreEntry } from './store/backend.js';
export { MemoryBackend } from './store/backends/memory.js';
export type { ChangeFeed, StoreChangeOrGap } from './store/change-feed.js';
export type { Store, StoreStatus, WriteOptions } from './store/store.js';
export type { Listener } from './transport/contract.js';
export { Interpreter } from './zeek/interpreter.js';
export type {
  DeadLetterItem,
  EventItem,
  IdentifierItem,
  Item,
  LogItem,
  Origin,
  SchemaItem,
} from './zeek/item.js';
export { encodeLogBatch, type LogBatch, readLogBatch } from './zeek/log-batch.js';
export type { LogKey, LogSchema } from './zeek/log-schema.js';
export {
  batchMessage,
  type EventMetadata,
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  logWriteMessage,
  networkTimestamp,
  readMessages,
  type ZeekEvent,
  type ZeekMessage,
} from './zeek/message.js';
export { parseNotation } from './zeek/notation/parse.js';
export { printNotation } from './zeek/notation/print.js';
