import { ByteReader, DecodeError } from '../../codec/bytes.js';
import { FRAME_HEADER_BYTES } from '../../codec/frame.js';
import { VALUE_TYPES } from '../../codec/value.js';
import { skipValue } from '../../codec/value-binary.js';
import { ZeekwayError } from '../../core/errors.js';
import { DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import { decompressed, peek } from '../../replay/file-source.js';
import { LineReader } from '../../replay/log-file/lines.js';
import { captureReader } from '../../replay/replay.js';
import type { ReplayReport } from '../../replay/report.js';
import { SchemaRegistry } from '../../zeek/log-schema.js';
import { decodedBareFrame, decodedFrames, isFrameContent } from './broker.js';
import { decodedCapture } from './capture.js';
import { batchContent, brokerContent, type Decoded } from './decoded.js';
import type { InputKind } from './flags.js';
import { decodedJson, tooLong } from './json.js';

export interface InputOptions {
  readonly as?: InputKind;
  readonly hex: boolean;
  readonly onReport: (report: ReplayReport) => void;
}

/** What tells captures and JSON from the rest lies within these. */
const HEAD_BYTES = 64;

/**
 * What is in a file. Captures and JSON with a message a line are read as they are asked for; all else is one message,
 * or what one side of a connection sent, and is read at once. Throws `decode_limit` where it is too large for that,
 * `decode_invalid` where its bytes do not tell what it is, and as a replay does.
 * @param file the name that it goes by.
 */
export async function* decodedInput(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  { as, hex, onReport }: InputOptions,
): AsyncGenerator<Decoded> {
  const { head, all } = await peek(hex ? fromHex(bytes) : decompressed(bytes), HEAD_BYTES);
  const kind = as ?? (captureReader(head) ? 'capture' : isJson(head) ? 'json' : undefined);
  if (kind === 'capture') yield* decodedCapture(file, all, onReport);
  else if (kind === 'json' && isSpread(head)) yield decodedJson(await whole(all), {});
  else if (kind === 'json') yield* decodedJsonLines(all);
  else yield* decodedBytes(file, await whole(all), kind);
}

const isJson = (head: Buffer): boolean => /^\s*[{[]/.test(head.toString('latin1'));

/** One JSON text over several lines, as programs print it for people: its first line is not all of it. */
const isSpread = (head: Buffer): boolean => /^\s*[{[][{[\s]*\n/.test(head.toString('latin1'));

function* decodedBytes(file: string, bytes: Buffer, as: InputKind | undefined): Generator<Decoded> {
  const place = { offset: 0, bytes: bytes.length };
  switch (as ?? binaryKind(bytes)) {
    case 'broker-frame':
      if (!beginsWithLength(bytes) && isFrameContent(bytes)) yield decodedBareFrame(bytes);
      else yield* decodedFrames(bytes, new SchemaRegistry());
      return;
    case 'broker-value':
      yield { place, kind: 'value', header: [], content: brokerContent(bytes) };
      return;
    case 'log-batch':
      yield { place, kind: 'log-batch', header: [], content: batchContent(bytes) };
      return;
    default: {
      const found = bytes.length === 0 ? 'is empty' : `begins with ${bytes.subarray(0, 16).toString('hex')}`;
      const expected = `a capture, a Broker frame or value, a log batch or JSON (--as tells which; --hex for hex text)`;
      throw new DecodeError('decode_invalid', 0, expected, `that ${file} ${found}`);
    }
  }
}

function binaryKind(bytes: Buffer): InputKind | undefined {
  if (beginsWithLength(bytes) || isFrameContent(bytes)) return 'broker-frame';
  if (beginsWithLabel(bytes)) return 'log-batch';
  return isValue(bytes) ? 'broker-value' : undefined;
}

/** Whether a frame follows its length. One that is cut off has the head of an envelope at least. */
function beginsWithLength(bytes: Buffer): boolean {
  if (bytes.length <= FRAME_HEADER_BYTES) return false;
  const length = bytes.readUInt32BE();
  if (length === 0 || length > DEFAULT_CODEC_LIMITS.frameBytes) return false;
  return isFrameContent(bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length));
}

/** A log batch begins with the label of a stream, `Conn::LOG`, behind its length. */
function beginsWithLabel(bytes: Buffer): boolean {
  if (bytes.length < FRAME_HEADER_BYTES) return false;
  const length = bytes.readUInt32BE();
  return length < 256 && /^\w+(::\w+)+$/.test(bytes.toString('latin1', 4, 4 + length));
}

/** A damaged one is a value all the same, where at least a part of it can be read. */
function isValue(bytes: Buffer): boolean {
  if ((bytes[0] ?? VALUE_TYPES.length) >= VALUE_TYPES.length) return false;
  const reader = new ByteReader(bytes);
  try {
    skipValue(reader);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return reader.offset > 1;
    throw error;
  }
}

/** A message a line. */
async function* decodedJsonLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Decoded> {
  const reader = new LineReader();
  for await (const chunk of bytes) {
    for (const line of reader.push(chunk)) {
      if (line.bytes.length === 0) continue;
      const place = { line: line.number };
      yield line.isTooLong ? tooLong(line.bytes, place) : decodedJson(line.bytes, place);
    }
  }
  const rest = reader.rest();
  if (rest) yield rest.isTooLong ? tooLong(rest.bytes, {}) : decodedJson(rest.bytes, { line: rest.number });
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let size = 0;
  const most = DEFAULT_CODEC_LIMITS.frameBytes + FRAME_HEADER_BYTES;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > most)
      throw new DecodeError('decode_limit', most, `a message of at most ${most} bytes`, 'a larger file');
    all.push(chunk);
  }
  return Buffer.concat(all);
}

/** The bytes that hexadecimal digits stand for. White space, `0x` and what follows a `#` in its line are left out. */
async function* fromHex(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const text = (await whole(chunks)).toString('latin1');
  const digits = text.replace(/#.*/g, '').replace(/0x|[\s,:]/gi, '');
  const wrong = digits.search(/[^0-9a-f]/i);
  if (wrong >= 0) {
    throw new ZeekwayError(
      'text_invalid',
      `expected hexadecimal digits, found ${JSON.stringify(digits[wrong])}`,
    );
  }
  if (digits.length % 2 === 1) {
    throw new ZeekwayError(
      'text_invalid',
      `expected two hexadecimal digits a byte, found ${digits.length} in all`,
    );
  }
  yield Buffer.from(digits, 'hex');
}
