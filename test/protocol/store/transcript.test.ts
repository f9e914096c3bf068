import { createReadStream, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { sorted, type Value } from '../../../src/codec/value.js';
import { STORE_HEARTBEAT_TICKS } from '../../../src/core/limits.js';
import { systemClock } from '../../../src/peer/system.js';
import { EVERYBODY } from '../../../src/protocol/broker/endpoint-id.js';
import type { Envelope } from '../../../src/protocol/broker/envelope.js';
import {
  decodeStoreMessage,
  type EntityId,
  isAction,
  type StoreAction,
  type StoreMessage,
  sameEntity,
} from '../../../src/protocol/store/commands.js';
import { SnapshotReader } from '../../../src/protocol/store/snapshot.js';
import { replayBytes } from '../../../src/replay/replay.js';
import { parseNotation } from '../../../src/zeek/notation/parse.js';
import { printNotation } from '../../../src/zeek/notation/print.js';
import { fixtureFile, pcapFile } from '../../support/recordings.js';
import { CloneParty, MasterParty } from '../../support/store-parties.js';

/*
 * Our clone and our master take the place of the recorded ones: they get what the other one said, in the order of the capture, and
 * must say what the recorded one said, byte for byte, to the same receiver. What the scripts of the recording wrote is written
 * at the same places. Confirmations and keepalives come by time: of those each that the recorded one said must be among ours, in
 * the same order.
 */

interface Said {
  readonly envelope: Envelope & { readonly payload: Buffer };
  readonly message: StoreMessage;
}

async function recorded(): Promise<Said[]> {
  const said: Said[] = [];
  const watcher = {
    handshake: () => undefined,
    malformed: () => undefined,
    zmtp: () => undefined,
    envelope: (envelope: Envelope) => {
      if (envelope.type !== 'command' || !envelope.topic.startsWith('gw-store/')) return;
      const payload = Buffer.from(envelope.payload);
      said.push({ envelope: { ...envelope, payload }, message: decodeStoreMessage(payload) });
    },
  };
  const file = pcapFile('native-stores');
  const { items } = await replayBytes(file, createReadStream(file), { clock: systemClock, watcher });
  for await (const _ of items);
  return said;
}

type Sent = { readonly topic: string; readonly receiver?: string | undefined; readonly payload: Uint8Array };

const shown = ({ topic, receiver, payload }: Sent): string =>
  `${topic} ${receiver ?? EVERYBODY} ${Buffer.from(payload).toString('hex')}`;

const isByTime = ({ payload }: Sent): boolean => {
  const { type } = decodeStoreMessage(payload).command;
  return type === 'cumulative_ack' || type === 'keepalive';
};

const withoutRepeats = (lines: readonly string[]): string[] =>
  lines.filter((line, index) => lines.indexOf(line) === index);

function expectSame(t: ExecutionContext, ours: readonly Sent[], theirs: readonly Sent[]): void {
  const told = (all: readonly Sent[]): string[] => all.filter((send) => !isByTime(send)).map(shown);
  t.deepEqual(told(ours), told(theirs));
  const byTime = (all: readonly Sent[]): string[] => withoutRepeats(all.filter(isByTime).map(shown));
  const wanted = byTime(theirs);
  t.true(wanted.length > 3);
  t.deepEqual(
    byTime(ours).filter((line) => wanted.includes(line)),
    wanted,
  );
}

const key = parseNotation;

/** A value as Broker prints it. */
function brokerText(value: Value): string {
  if (value.type === 'string') return String(value.value);
  if (value.type === 'real') return value.value.toFixed(6);
  if (value.type === 'set') return `{${value.value.map(brokerText).join(', ')}}`;
  return printNotation(value);
}

/** What a clone would print in a stage of stores-clone.zeek: by stage and key. */
function printedBy({ clone: { content } }: CloneParty, stage: string): [string, string][] {
  const names =
    stage === 'stage1' ? ['"one"', '"two"', '[1, 2]', '10.0.0.1'] : ['"one"', '"two"', '"three"', '"gone"'];
  const lines = names.map((name): [string, string] => {
    const entry = content.get(key(name));
    return [`${stage} ${brokerText(key(name))}`, entry ? brokerText(entry.value) : '<uninitialized>'];
  });
  if (stage === 'stage1') return lines;
  const keys = sorted(content.all().map((entry) => entry.key));
  return [...lines, ['keys', `{${keys.map(brokerText).join(', ')}}`]];
}

/** The same of what the recorded clone printed. Where the end came first it printed a timeout. */
function printedByZeek(): Map<string, string> {
  const printed = new Map<string, string>();
  let stage = '';
  for (const line of readFileSync(fixtureFile('zeek/native-stores/dialer.txt'), 'utf8').split('\n')) {
    if (/^(stage\d|final)$/.test(line)) stage = line;
    const [, name, , found] =
      /^clone, (.*), Broker::(\w+), \[data=(?:broker::data\{)?(.*?)\}?\]$/.exec(line) ?? [];
    if (name !== undefined) printed.set(`${stage} ${name}`, found?.replace(/^(\{.*[^}])$/, '$1}') ?? '');
    const [, other, result] =
      /^(put_unique2?), Broker::SUCCESS, \[data=broker::data\{(.*)\}\]$/.exec(line) ?? [];
    if (other !== undefined) printed.set(other, result ?? '');
    const [, keys] = /^keys, .*broker::data\{(.*)\}\]\]$/.exec(line) ?? [];
    if (keys !== undefined) printed.set('keys', keys);
  }
  return printed;
}

test('our clone says to the recorded master what the recorded clone said', async (t) => {
  const all = await recorded();
  const { sender } = (all.find(({ message }) => message.command.type === 'nack') as Said).message;
  const party = new CloneParty(1, 'gw-store', () => sender);
  const stages: string[][] = [];
  const printed = new Map<string, string>();
  for (const { message, envelope } of all) {
    const { command, sequence } = message;
    // The stages of stores-clone.zeek: 2 s after the peering, before the master writes, and 6 s after it.
    if (command.type === 'put' && command.key.type === 'string' && sequence === 2n) {
      for (const line of printedBy(party, printed.size === 0 ? 'stage1' : 'stage2')) printed.set(...line);
    }
    if (!sameEntity(message.sender, sender)) party.receive(envelope.payload);
    else if (message.command.type === 'keepalive')
      for (let tick = 0; tick < STORE_HEARTBEAT_TICKS; tick++) party.tick();
    else if (isAction(command)) {
      if (command.type === 'put' || command.type === 'clear') stages.push(party.shown);
      party.write(() => command, command.type === 'put_unique' ? command.request : 100n + sequence);
    }
  }
  expectSame(
    t,
    party.sent,
    all.flatMap(({ message, envelope }) => (sameEntity(message.sender, sender) ? [envelope] : [])),
  );
  printed.set('put_unique', `${party.outcomes.get(9n) === 'true' ? 'T' : 'F'}`);
  printed.set('put_unique2', `${party.outcomes.get(10n) === 'true' ? 'T' : 'F'}`);
  t.is(printed.size, 11);
  t.deepEqual(printed, printedByZeek());
  // And what there was when the script wrote and cleared all.
  t.deepEqual(stages, [
    ['"one" = "110xyz"', '"three" = 3.14', '"two" = 230', '10.0.0.1 = {1.2.3.4, 5.6.7.8}'],
    [
      '"from-clone" = 99',
      '"one" = "110xyz"',
      '"three" = 3.14',
      '"two" = 230',
      '"uniq" = "first"',
      '10.0.0.1 = {1.2.3.4, 5.6.7.8, 9.9.9.9}',
    ],
  ]);
  t.deepEqual([party.outcomes.get(9n), party.outcomes.get(10n)], ['true', 'false']);
  t.deepEqual(
    party.events.map(({ type }) => type).filter((type) => type === 'expire'),
    ['expire'],
  );
});

test('our master says to the recorded clone what the recorded master said', async (t) => {
  const all = await recorded();
  const said = all.find(({ message }) => message.command.type === 'ack_clone') as Said;
  const { sender: id, command: greeting } = said.message;
  if (greeting.type !== 'ack_clone') return t.fail();
  const party = new MasterParty(1, 'gw-store', id);
  // zeek_init of stores-master.zeek, in the order in which the recorded snapshot has the entries.
  for (const entry of new SnapshotReader(greeting.snapshot).read(greeting.snapshot.size)) party.put(...entry);
  t.deepEqual(party.shown, [
    '"one" = "110"',
    '"two" = 223',
    '10.0.0.1 = {1.2.3.4, 5.6.7.8}',
    '[1, 2] = 1947/tcp',
  ]);
  const later = laterOfTheScript(id);
  for (const { message, envelope } of all) {
    if (!sameEntity(message.sender, id)) party.receive(envelope.payload);
    else if (message.command.type === 'keepalive')
      for (let tick = 0; tick < STORE_HEARTBEAT_TICKS; tick++) party.tick();
    else if (isAction(message.command) && sameEntity(message.command.publisher, id)) {
      const action = later.shift();
      if (action) party.write(() => action);
    }
  }
  expectSame(
    t,
    party.sent,
    all.flatMap(({ message, envelope }) => (sameEntity(message.sender, id) ? [envelope] : [])),
  );
  t.deepEqual(party.shown, []);
});

/** `event later()` of stores-master.zeek. */
const laterOfTheScript = (publisher: EntityId): StoreAction[] => [
  { type: 'put', key: key('"three"'), value: key('3.14'), publisher },
  { type: 'add', key: key('"two"'), value: key('7'), initType: 'count', publisher },
  { type: 'add', key: key('"one"'), value: key('"xyz"'), initType: 'string', publisher },
  { type: 'put', key: key('"gone"'), value: key('T'), expiry: 1_000_000_000n, publisher },
  { type: 'erase', key: key('[1, 2]'), publisher },
];
