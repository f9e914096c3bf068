import { setTimeout as sleep } from 'node:timers/promises';
import type { Value } from '../codec/value.js';
import { encodeValueJson } from '../codec/value-json.js';
import { ZeekwayError } from '../core/errors.js';
import { Endpoint } from '../peer/endpoint.js';
import type { Message } from '../peer/message.js';
import type { PeerEvent } from '../peer/status.js';
import { inspectPayload } from '../zeek/inspect.js';
import { inspectedNotation } from '../zeek/notation/inspected.js';
import { printNotation } from '../zeek/notation/print.js';
import { parseArguments } from './event-arguments.js';
import { inspectionLines } from './inspection-text.js';
import type { Terminal } from './logger.js';
import { shown } from './table.js';

interface PeerFlags {
  readonly peer: readonly string[];
  readonly listen: readonly string[];
}

export interface PublishFlags extends PeerFlags {
  /** Seconds. */
  readonly wait: number;
}

export interface SubscribeFlags extends PeerFlags {
  readonly json: boolean;
  readonly count?: number;
}

/** How often it is looked whether a peer wants the topic. */
const LOOK_MS = 20;
const EXIT_NOBODY = 1;

/** Connects to the peers; what becomes of them is told. Throws what `listen` and `peer` throw. */
async function connect({ peer, listen }: PeerFlags, terminal: Terminal): Promise<Endpoint> {
  if (peer.length + listen.length === 0) {
    throw new ZeekwayError('endpoint_url_invalid', 'give at least one --peer URL, or --listen URL');
  }
  const endpoint = new Endpoint();
  endpoint.on('peer', (event) => tellPeer(event, terminal));
  try {
    for (const url of listen) await endpoint.listen(url);
    for (const url of peer) endpoint.peer(url);
    return endpoint;
  } catch (error) {
    await endpoint.close();
    throw error;
  }
}

function tellPeer({ type, address, message, error }: PeerEvent, { err }: Terminal): void {
  const code = error === undefined ? '' : ` [${error.code}]`;
  err(`zeekway: ${type} ${address}: ${message}${code}`);
}

/** `zeekway publish`. Resolves with the exit code once the event is sent: 1 where nobody wanted it. */
export async function publishCommand(
  {
    topic,
    event,
    args,
  }: { readonly topic: string; readonly event: string; readonly args: readonly string[] },
  flags: PublishFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const values = parseArguments(args);
  const endpoint = await connect(flags, terminal);
  try {
    const until = performance.now() + flags.wait * 1000;
    for (;;) {
      const peers = endpoint.publishEvent(topic, event, values);
      if (peers > 0) {
        terminal.err(
          `zeekway: sent ${shown(event)}(${values.map(printNotation).join(', ')}) to ${peers} peers`,
        );
        return 0;
      }
      if (signal.aborted || performance.now() > until) break;
      await sleep(LOOK_MS);
    }
    terminal.err(`zeekway: nothing was sent: no peer subscribed to ${topic} within ${flags.wait} s`);
    return EXIT_NOBODY;
  } finally {
    await endpoint.close();
  }
}

/** `zeekway subscribe`. Goes on until the signal aborts, or `count` messages came. */
export async function subscribeCommand(
  prefixes: readonly string[],
  flags: SubscribeFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const endpoint = await connect(flags, terminal);
  try {
    const messages = endpoint.subscribe(prefixes);
    const stop = (): void => messages.cancel();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    let left = flags.count ?? Number.POSITIVE_INFINITY;
    for await (const message of messages) {
      for (const line of flags.json ? jsonLines(message) : textLines(message)) terminal.out(line);
      left -= 1;
      if (left <= 0) break;
    }
    return 0;
  } finally {
    await endpoint.close();
  }
}

/** An event is a line; anything else is shown as `zeekway decode` does. */
function textLines(message: Message): string[] {
  const { topic, events } = message;
  if (events.length === 0) {
    const inspection = inspectPayload(message.payload, message.format);
    return [shown(topic), ...inspectionLines(inspection, inspectedNotation).map(({ text }) => `  ${text}`)];
  }
  return events.map(
    ({ name, args }) => `${shown(topic)} ${shown(name)}(${args.map(printNotation).join(', ')})`,
  );
}

function jsonLines(message: Message): string[] {
  const { topic, source, events } = message;
  const received = new Date(Number(message.received / 1_000_000n)).toISOString();
  const base = { topic, peer: source.peer, received };
  if (events.length === 0) {
    return [JSON.stringify({ ...base, ...inspectPayload(message.payload, message.format) })];
  }
  return events.map(({ name, args }) => JSON.stringify({ ...base, event: name, args: args.map(jsonOf) }));
}

const jsonOf = (value: Value): unknown =>
  JSON.parse(encodeValueJson(value, { strings: 'escaped', bigIntegers: 'string' }).toString());
