import { createReadStream } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
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
import { pcapFile } from '../../support/recordings.js';
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

test('our clone says to the recorded master what the recorded clone said', async (t) => {
  const all = await recorded();
  const { sender } = (all.find(({ message }) => message.command.type === 'nack') as Said).message;
  const party = new CloneParty(1, 'gw-store', () => sender);
  const stages: string[][] = [];
  for (const { message, envelope } of all) {
    const { command, sequence } = message;
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
  // What dialer.txt has in its second stage, and what there was when the script cleared all.
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
