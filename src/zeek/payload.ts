import { DecodeError } from '../codec/bytes.js';
import type { PayloadFormat } from '../codec/payload-format.js';
import { encodeValue } from '../codec/value-binary.js';
import { decodeValueJson } from '../codec/value-json.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { readLogBatch } from './log-batch.js';
import type { LogSchema } from './log-schema.js';
import { readMessages, type ZeekMessage } from './message.js';

/** Records that came with their schema, each as the `serial` of a LogWrite has it. */
export interface LogBatchMessage {
  readonly type: 'log-batch';
  readonly schema: LogSchema;
  readonly records: readonly Uint8Array[];
}

export type PayloadMessage = ZeekMessage | LogBatchMessage;

/**
 * Reads the messages of one payload, whatever it is written in. What is not understood comes as `bad`, with bytes that
 * can be read again. See `readMessages`.
 */
export function readPayload(
  payload: Uint8Array,
  format: PayloadFormat,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): PayloadMessage[] {
  if (format === 'broker-bin-v1') return readMessages(payload, limits);
  try {
    return format === 'broker-json-v1' ? readJsonMessages(payload, limits) : readBatch(payload, limits);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return [bad(error, '', payload, format)];
  }
}

/** What is not understood in the JSON of a value is kept as the bytes of that value. */
function readJsonMessages(payload: Uint8Array, limits: CodecLimits): ZeekMessage[] {
  return readMessages(encodeValue(decodeValueJson(payload, {}, limits)), limits);
}

function readBatch(payload: Uint8Array, limits: CodecLimits): PayloadMessage[] {
  const { schema, records, rest } = readLogBatch(payload, limits);
  const messages: PayloadMessage[] = [{ type: 'log-batch', schema, records }];
  if (rest) messages.push(bad(rest.error, schema.stream, rest.raw, 'zeek-bin-serializer'));
  return messages;
}

const bad = (
  { message }: DecodeError,
  subject: string,
  raw: Uint8Array,
  format: PayloadFormat,
): ZeekMessage => ({ type: 'bad', code: 'message_malformed', reason: message, subject, raw, format });
