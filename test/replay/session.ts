/** A recorded connection, sent anew over TCP in any way that one likes. */
import type { OracleFrame } from '../support/oracle.js';
import { type RecordingName, recording } from '../support/recordings.js';
import { framesOf, LINKS, pcap, type Segment, tcp } from './packets.js';

export interface Side {
  readonly bytes: Buffer;
  readonly frames: readonly OracleFrame[];
}

/** Both sides of the first connection of a recording; the first is the one that dialled. */
export function sidesOf(name: RecordingName): [Side, Side] {
  const [dialler, listener] = recording(name);
  if (!dialler || !listener) throw new Error(`${name} has no connection`);
  return [dialler, listener];
}

/** A part of one side's stream, in one packet. */
export interface Part {
  readonly side: 0 | 1;
  readonly start: number;
  readonly end: number;
}

const ADDRESSES = [Buffer.of(10, 0, 0, 1), Buffer.of(10, 0, 0, 2)] as const;
const PORTS = [40_000, 19_999] as const;

export interface Shape {
  /** Initial sequence numbers. */
  readonly initial: readonly [number, number];
  readonly withSyn?: boolean;
  readonly withFin?: boolean;
}

export const SHAPE: Shape = { initial: [1000, 5000] };

function packet(
  side: 0 | 1,
  time: number,
  fields: object,
  initial: Shape['initial'],
  sent: number[],
): Segment {
  const other = side === 0 ? 1 : 0;
  return {
    time: BigInt(time) * 1_000_000n,
    source: ADDRESSES[side],
    destination: ADDRESSES[other],
    tcp: tcp({
      from: PORTS[side],
      to: PORTS[other],
      sequence: initial[side],
      acknowledged: initial[other] + 1 + (sent[other] ?? 0),
      ...fields,
    }),
  };
}

/** The segments of a connection whose streams are sent in these parts. Every packet acknowledges all before it. */
export function connection(sides: readonly [Side, Side], parts: readonly Part[], shape = SHAPE): Segment[] {
  const { initial, withSyn = true, withFin = true } = shape;
  const sent = [0, 0];
  const segments: Segment[] = [];
  const add = (side: 0 | 1, fields: object): void => {
    segments.push(packet(side, segments.length + 1, fields, initial, sent));
  };
  if (withSyn) {
    add(0, { syn: true, acknowledged: undefined });
    add(1, { syn: true });
  }
  for (const { side, start, end } of parts) {
    const payload = sides[side].bytes.subarray(start, end);
    add(side, { sequence: initial[side] + 1 + start, payload });
    sent[side] = Math.max(sent[side] ?? 0, end);
  }
  if (withFin) {
    for (const side of [0, 1] as const) {
      add(side, { fin: true, sequence: initial[side] + 1 + sides[side].bytes.length });
    }
  }
  return segments;
}

/** Cuts both streams at every `step` bytes, the sides taking turns. */
export function partsOf(sides: readonly [Side, Side], step: number): Part[] {
  const parts: Part[] = [];
  const longest = Math.max(sides[0].bytes.length, sides[1].bytes.length);
  for (let start = 0; start < longest; start += step) {
    for (const side of [0, 1] as const) {
      const end = Math.min(start + step, sides[side].bytes.length);
      if (end > start) parts.push({ side, start, end });
    }
  }
  return parts;
}

const ethernet = LINKS.ethernet;
export const capture = (segments: readonly Segment[]): Buffer => pcap(framesOf(segments, ethernet), 1);
