import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Oracle,
  type OracleFrame,
  type OracleStream,
  oracleEnvelope,
  oracleRecording,
  oracleValue,
} from './oracle.js';

/** The recordings of Zeek 8.2.2 that can be read (native-tls cannot). */
export const RECORDINGS = [
  'native-events',
  'native-stores',
  'native-log-types',
  'native-logs',
  'broker-cluster',
] as const;
export type RecordingName = (typeof RECORDINGS)[number];

export const pcapFile = (name: string): string => fileURLToPath(import.meta.resolve(`#pcaps/${name}.pcap`));
export const fixtureFile = (name: string): string => fileURLToPath(import.meta.resolve(`#fixtures/${name}`));

const recordings = new Map<RecordingName, OracleStream[]>();

/** Both directions of each connection of a recording, as the oracle reads them. */
export function recording(name: RecordingName): OracleStream[] {
  const known = recordings.get(name) ?? oracleRecording(name, readFileSync(pcapFile(name)));
  recordings.set(name, known);
  return known;
}

export function recordedFrames(kind: OracleFrame['kind'], names: readonly RecordingName[] = RECORDINGS) {
  return names.flatMap((name) =>
    recording(name).flatMap(({ frames }) => frames.filter((frame) => frame.kind === kind)),
  );
}

export interface RecordedPayload {
  readonly topic: string;
  readonly sender: string;
  readonly bytes: Buffer;
  readonly source: string;
}

function payloadsOf(wanted: 'data' | 'command', names: readonly RecordingName[]): RecordedPayload[] {
  return recordedFrames('envelope', names).flatMap(({ bytes, source }) => {
    const { type, topic, sender, payload } = oracleEnvelope(Oracle.of(bytes));
    if (type !== wanted) return [];
    return [
      { topic: Buffer.from(topic, 'hex').toString(), sender, bytes: Buffer.from(payload, 'hex'), source },
    ];
  });
}

/** The payloads of all data envelopes: one Zeek message each. */
export const recordedPayloads = (names: readonly RecordingName[] = RECORDINGS): RecordedPayload[] =>
  payloadsOf('data', names);

/** The payloads of all command envelopes: what stores say. */
export const recordedCommands = (names: readonly RecordingName[] = RECORDINGS): RecordedPayload[] =>
  payloadsOf('command', names);

/** The keys and values in the store commands: put, put_unique, erase, expire, add, subtract by their index. */
export function recordedStoreValues(names: readonly RecordingName[]): { bytes: Buffer; source: string }[] {
  const values: Readonly<Record<number, number>> = { 0: 2, 1: 2, 3: 1, 4: 1, 5: 2, 6: 2 };
  return recordedCommands(names).flatMap(({ bytes, source }) => {
    // u64 sequence number, two entity IDs of 24 bytes, the index.
    const read = Oracle.of(bytes.subarray(57));
    return Array.from({ length: values[bytes[56] ?? 0] ?? 0 }, () => {
      const start = read.offset;
      oracleValue(read);
      return { bytes: bytes.subarray(57 + start, 57 + read.offset), source };
    });
  });
}

/** A message that a ZeroMQ socket received: `sub` has events, `pull` log batches. */
export interface ZeromqMessage {
  readonly socket: 'sub' | 'pull';
  readonly parts: readonly Buffer[];
}

/** What a recorder got as a subscriber and as the logger of a ZeroMQ cluster. */
export const zeromqMessages = (): ZeromqMessage[] =>
  jsonLines<{ socket: 'sub' | 'pull'; parts: string[] }>('zeek/zeromq/messages.jsonl').map(
    ({ socket, parts }) => ({ socket, parts: parts.map((part) => Buffer.from(part, 'base64')) }),
  );

/** A frame of a client's session with Zeek's WebSocket API. */
export interface WebsocketFrame {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

/** The frames of a session, but for how it was closed. */
export const websocketFrames = (name: 'websocket' | 'websocket-clean'): WebsocketFrame[] =>
  jsonLines<{ from: 'client' | 'server'; text?: string; base64?: string }>(
    `zeek/${name}/messages.jsonl`,
  ).flatMap(({ from, text, base64 }) => {
    if (base64 !== undefined) return [{ from, bytes: Buffer.from(base64, 'base64') }];
    return text === undefined ? [] : [{ from, bytes: Buffer.from(text) }];
  });

const jsonLines = <T>(name: string): T[] =>
  readFileSync(fixtureFile(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
