import type { EndpointId } from '../../src/protocol/broker/endpoint-id.js';
import type { Envelope } from '../../src/protocol/broker/envelope.js';
import { BrokerSession } from '../../src/protocol/broker/session.js';
import type { SessionOptions, SessionOutput } from '../../src/protocol/broker/session-contract.js';

/** The smallest and the largest valid endpoint IDs: they fix who is the originator. */
export const SMALLEST_ID: EndpointId = '00000000-0000-1000-8000-000000000000';
export const LARGEST_ID: EndpointId = 'ffffffff-ffff-8fff-bfff-ffffffffffff';

/** Predictable "random" bytes: 1, 2, 3, ... */
const countingRandom = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, index) => index + 1);

export type EndOutput = Extract<SessionOutput, { type: 'end' }>;

/** A session with everything it put out, except what it sent. */
export class Party {
  readonly session: BrokerSession;
  readonly outputs: Exclude<SessionOutput, { type: 'send' }>[] = [];
  readonly inFlight: Buffer[] = [];
  sent = Buffer.alloc(0);

  constructor(options: Partial<SessionOptions> & Pick<SessionOptions, 'id' | 'side'>) {
    this.session = new BrokerSession({
      filter: ['topic/'],
      claim: () => true,
      random: countingRandom,
      ...options,
    });
  }

  take(outputs: readonly SessionOutput[]): void {
    for (const output of outputs) {
      if (output.type === 'send') {
        this.inFlight.push(output.bytes);
        this.sent = Buffer.concat([this.sent, output.bytes]);
      } else this.outputs.push(output);
    }
  }

  get messages(): Envelope[] {
    return this.outputs.flatMap((output) => (output.type === 'message' ? [output.envelope] : []));
  }

  get end(): EndOutput | undefined {
    return this.outputs.find((output): output is EndOutput => output.type === 'end');
  }
}

/** Two sessions joined on a virtual clock: what one sends the other receives, in chunks of any size. */
export class Pair {
  now = 0;

  constructor(
    readonly dialled: Party,
    readonly accepted: Party,
    private readonly chunkSize: number = Number.POSITIVE_INFINITY,
  ) {}

  start(): this {
    this.dialled.take(this.dialled.session.start(this.now));
    this.accepted.take(this.accepted.session.start(this.now));
    this.deliver();
    return this;
  }

  /** Delivers until nothing is in flight. */
  deliver(): void {
    while (this.dialled.inFlight.length > 0 || this.accepted.inFlight.length > 0) {
      this.step();
    }
  }

  /** Delivers what is in flight now, first from the dialled to the accepted side. */
  step(): void {
    this.move(this.dialled, this.accepted);
    this.move(this.accepted, this.dialled);
  }

  advance(ms: number): void {
    this.now += ms;
    for (const party of [this.dialled, this.accepted]) party.take(party.session.tick(this.now));
  }

  private move(from: Party, to: Party): void {
    const bytes = Buffer.concat(from.inFlight.splice(0));
    for (let at = 0; at < bytes.length; at += this.chunkSize) {
      to.take(to.session.receive(bytes.subarray(at, Math.min(bytes.length, at + this.chunkSize))));
    }
  }
}
