import test from 'ava';
import type { ErrorCode } from '../../src/core/errors.js';
import {
  HANDSHAKE_FRAME_BYTES,
  HANDSHAKE_TIMEOUT_MS,
  LIVENESS_TIMEOUT_MS,
  PING_BYTES,
  UNPEER_GRACE_MS,
} from '../../src/core/limits.js';
import { EVERYBODY } from '../../src/protocol/broker/endpoint-id.js';
import { encodeEnvelope, frame } from '../../src/protocol/broker/envelope.js';
import { DROP_CODE, encodeHandshake, type HandshakeMessage } from '../../src/protocol/broker/messages.js';
import { LARGEST_ID, Pair, Party, SMALLEST_ID } from '../support/session-pair.js';

const pair = (dialler: 'smallest' | 'largest' = 'smallest', chunkSize?: number): Pair => {
  const [first, second] = dialler === 'smallest' ? [SMALLEST_ID, LARGEST_ID] : [LARGEST_ID, SMALLEST_ID];
  const dialled = new Party({ id: first, side: 'dialled', filter: ['from/accepted/'] });
  const accepted = new Party({ id: second, side: 'accepted', filter: ['from/dialled/'] });
  return new Pair(dialled, accepted, chunkSize);
};

const say = (message: HandshakeMessage): Buffer => frame(encodeHandshake(message));
const hello = (sender: string, minVersion = 1, maxVersion = 1): Buffer =>
  say({ type: 'hello', sender, minVersion, maxVersion });

for (const dialler of ['smallest', 'largest'] as const) {
  for (const chunkSize of [1, 2, 3, 7, 1000]) {
    test(`two sessions peer, the ${dialler} ID dialling, in chunks of ${chunkSize}`, (t) => {
      const { dialled, accepted } = pair(dialler, chunkSize).start();
      t.is(dialled.session.state, 'peered');
      t.is(accepted.session.state, 'peered');
      t.like(dialled.outputs[0], { type: 'peered', filter: ['from/dialled/'] });
      t.like(accepted.outputs[0], { type: 'peered', filter: ['from/accepted/'] });
      t.is(dialled.session.deadline, undefined);
    });
  }
}

test('data goes where the filter matches, and to an addressed peer past it', (t) => {
  const both = pair().start();
  const { dialled, accepted } = both;
  dialled.take(dialled.session.publish('from/dialled/x', Buffer.from([0])));
  dialled.take(dialled.session.publish('from/dialle', Buffer.from([0])));
  dialled.take(dialled.session.publish('<$>/local', Buffer.from([0])));
  dialled.take(dialled.session.publish('elsewhere', Buffer.from([1, 1]), LARGEST_ID));
  both.deliver();
  t.deepEqual(
    accepted.messages.map(({ topic, receiver, ttl }) => [topic, receiver, ttl]),
    [
      ['from/dialled/x', '00000000-0000-0000-0000-000000000000', 16],
      ['elsewhere', LARGEST_ID, 16],
    ],
  );
});

test('a filter entry is a byte prefix, also within a character', (t) => {
  const dialled = new Party({ id: SMALLEST_ID, side: 'dialled' });
  const accepted = new Party({ id: LARGEST_ID, side: 'accepted', filter: ['caf\udcc3'] });
  new Pair(dialled, accepted).start();
  t.true(dialled.session.wants('café'));
  t.false(dialled.session.wants('cafe'));
});

test('a late subscription reaches the peer and replaces its view', (t) => {
  const both = pair().start();
  both.accepted.take(both.accepted.session.setFilter(['late/']));
  both.deliver();
  t.deepEqual(both.dialled.session.peerFilter, ['late/']);
  t.true(both.dialled.session.wants('late/x'));
  t.false(both.dialled.session.wants('from/dialled/x'));
});

test('a filter that changes during the handshake is the one that is said', (t) => {
  const both = pair();
  both.dialled.take(both.dialled.session.start(0));
  both.dialled.take(both.dialled.session.setFilter(['changed/']));
  both.accepted.take(both.accepted.session.start(0));
  both.deliver();
  t.deepEqual(both.accepted.session.peerFilter, ['changed/']);
});

test('a filter that changes behind its syn is told once the handshake is over', (t) => {
  for (const party of ['dialled', 'accepted'] as const) {
    const both = pair();
    both.dialled.take(both.dialled.session.start(0));
    both.accepted.take(both.accepted.session.start(0));
    while (both.dialled.session.state !== 'peered' || both.accepted.session.state !== 'peered') {
      both[party].take(both[party].session.setFilter([`${both[party].session.state}/`]));
      both.step();
    }
    both.deliver();
    const other = party === 'dialled' ? both.accepted : both.dialled;
    t.regex(other.session.peerFilter[0] ?? '', /^(await_responder_syn_ack|await_originator_ack|peered)\/$/);
  }
});

test('a graceful unpeer: BYE, its pong, removed here and lost there', (t) => {
  const both = pair().start();
  both.dialled.take(both.dialled.session.unpeer(both.now));
  t.is(both.dialled.session.state, 'await_bye');
  both.deliver();
  t.like(both.dialled.end, { reason: 'removed', error: undefined });
  t.is(both.accepted.session.state, 'peered');
  both.accepted.take(both.accepted.session.closed());
  t.is(both.accepted.end?.reason, 'lost');
  t.regex(both.accepted.end?.error?.message ?? '', /unpeered/);
});

test('messages that come before the answer to a BYE are taken', (t) => {
  const both = pair().start();
  both.accepted.take(both.accepted.session.publish('from/accepted/last', Buffer.from([0])));
  both.dialled.take(both.dialled.session.unpeer(both.now));
  both.deliver();
  t.is(both.dialled.messages.length, 1);
});

test('a BYE without an answer ends after the grace period', (t) => {
  const both = pair().start();
  both.dialled.take(both.dialled.session.unpeer(both.now));
  t.is(both.dialled.session.deadline, UNPEER_GRACE_MS);
  both.advance(UNPEER_GRACE_MS - 1);
  t.is(both.dialled.end, undefined);
  both.advance(1);
  t.is(both.dialled.end?.reason, 'removed');
  t.is(both.dialled.end?.error?.code, 'peer_timeout');
});

test('a ping is answered with the same payload, sender and receiver swapped', (t) => {
  const both = pair().start();
  const payload = Buffer.from('anything');
  const ping = {
    type: 'ping',
    sender: SMALLEST_ID,
    receiver: LARGEST_ID,
    ttl: 16,
    topic: '<$>',
    payload,
  } as const;
  both.accepted.take(both.accepted.session.receive(frame(encodeEnvelope(ping))));
  const pong = frame(encodeEnvelope({ ...ping, type: 'pong', sender: LARGEST_ID, receiver: SMALLEST_ID }));
  t.deepEqual(both.accepted.inFlight, [pong]);
});

test('a ping that is too large to be one is ignored', (t) => {
  const both = pair().start();
  const ping = { type: 'ping', sender: SMALLEST_ID, receiver: LARGEST_ID, ttl: 16, topic: '<$>' } as const;
  for (const size of [PING_BYTES, PING_BYTES + 1]) {
    const payload = Buffer.alloc(size);
    both.accepted.take(both.accepted.session.receive(frame(encodeEnvelope({ ...ping, payload }))));
  }
  t.is(both.accepted.inFlight.length, 1);
  t.is(both.accepted.outputs.at(-1)?.type, 'ignored');
});

test("what is for another endpoint, or has a reserved topic, is not a message of the peer's", (t) => {
  const both = pair().start();
  const data = { type: 'data', sender: SMALLEST_ID, ttl: 16, payload: Buffer.from([0]) } as const;
  for (const [receiver, topic] of [
    ['d3adbeef-d3ad-4eef-a3ad-beefd3adbeef', 'from/dialled'],
    [EVERYBODY, '<$>/local'],
    [LARGEST_ID, 'mine'],
    [EVERYBODY, 'all'],
  ] as const) {
    both.accepted.take(both.accepted.session.receive(frame(encodeEnvelope({ ...data, receiver, topic }))));
  }
  t.deepEqual(
    both.accepted.messages.map(({ topic }) => topic),
    ['mine', 'all'],
  );
  t.is(both.accepted.outputs.filter(({ type }) => type === 'ignored').length, 2);
});

test('after a pause in reading, the answer to a liveness ping has its time anew', (t) => {
  const both = pair().start();
  const { session } = both.dialled;
  both.dialled.take(session.probeAlive(both.now));
  session.resumed(both.now + 60_000);
  t.is(session.deadline, both.now + 60_000 + LIVENESS_TIMEOUT_MS);
  both.deliver();
  session.resumed(both.now + 90_000);
  t.is(session.deadline, undefined);
});

test('a peer that answers a liveness ping is alive; one that does not is lost', (t) => {
  const both = pair().start();
  both.dialled.take(both.dialled.session.probeAlive(both.now));
  both.deliver();
  t.true(both.dialled.outputs.some(({ type }) => type === 'alive'));
  t.is(both.dialled.session.deadline, undefined);
  both.dialled.take(both.dialled.session.probeAlive(both.now));
  both.advance(LIVENESS_TIMEOUT_MS);
  t.is(both.dialled.end?.reason, 'lost');
});

test('a frame of phase 3 that is no envelope is reported and ignored', (t) => {
  const both = pair().start();
  both.accepted.take(both.accepted.session.receive(frame(Buffer.from('short'))));
  t.is(both.accepted.outputs.at(-1)?.type, 'ignored');
  both.dialled.take(both.dialled.session.publish('from/dialled/x', Buffer.from([0])));
  both.deliver();
  t.is(both.accepted.messages.length, 1);
});

test('an envelope whose first byte looks like a handshake tag is an envelope', (t) => {
  const id = '0b000000-0000-4000-8000-000000000000';
  const dialled = new Party({ id, side: 'dialled' });
  const accepted = new Party({ id: LARGEST_ID, side: 'accepted' });
  const both = new Pair(dialled, accepted).start();
  dialled.take(dialled.session.publish('topic/x', Buffer.from([0])));
  both.deliver();
  t.is(accepted.messages.length, 1);
});

test('phase 3 right behind the handshake, in the same bytes', (t) => {
  const party = new Party({ id: LARGEST_ID, side: 'accepted' });
  party.take(party.session.start(0));
  const payload = Buffer.from([0]);
  const data = {
    type: 'data',
    sender: SMALLEST_ID,
    receiver: LARGEST_ID,
    ttl: 16,
    topic: 'x',
    payload,
  } as const;
  party.take(party.session.receive(hello(SMALLEST_ID)));
  party.take(
    party.session.receive(
      Buffer.concat([
        say({ type: 'version_select', sender: SMALLEST_ID, version: 1 }),
        say({ type: 'originator_syn', filter: ['a', 'b'] }),
        say({ type: 'originator_ack' }),
        frame(encodeEnvelope(data)),
      ]),
    ),
  );
  t.is(party.session.state, 'peered');
  t.deepEqual(party.session.peerFilter, ['a', 'b']);
  t.is(party.messages.length, 1);
});

test('a handshake that takes too long fails', (t) => {
  const party = new Party({ id: LARGEST_ID, side: 'accepted' });
  party.take(party.session.start(0));
  party.take(party.session.tick(HANDSHAKE_TIMEOUT_MS));
  t.like(party.end, { reason: 'failed' });
  t.is(party.end?.error?.code, 'peer_timeout');
});

/** What an accepting session with the larger ID answers to some bytes, behind its probe. */
function answerTo(bytes: Buffer): { party: Party; dropCode: number | undefined } {
  const party = new Party({ id: LARGEST_ID, side: 'accepted' });
  party.take(party.session.start(0));
  const probe = party.sent.length;
  party.take(party.session.receive(bytes));
  const answer = party.sent.subarray(probe);
  return { party, dropCode: answer[4] === 9 ? answer[4 + 21] : undefined };
}

const wrongMagic = (): Buffer => {
  const bytes = hello(SMALLEST_ID);
  bytes[5] = 0x58;
  return bytes;
};

const refusals: [string, Buffer, number | undefined, ErrorCode][] = [
  ['another version', hello(SMALLEST_ID, 2, 9), DROP_CODE.peer_incompatible, 'peer_incompatible'],
  ['wrong magic', wrongMagic(), DROP_CODE.wrong_magic_number, 'peer_not_broker'],
  ['our own ID', hello(LARGEST_ID), DROP_CODE.logic_error, 'peer_protocol'],
  ['a message out of place', say({ type: 'originator_ack' }), DROP_CODE.invalid_message, 'peer_protocol'],
  [
    'a hello with more behind it',
    frame(Buffer.concat([hello(SMALLEST_ID).subarray(4), Buffer.of(0)])),
    DROP_CODE.invalid_message,
    'peer_protocol',
  ],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), undefined, 'peer_not_broker'],
  ['SSH', Buffer.from('SSH-2.0-OpenSSH_9\r\n'), undefined, 'peer_not_broker'],
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), undefined, 'peer_tls_mismatch'],
  ['a TLS alert', Buffer.from('15030300020228', 'hex'), undefined, 'peer_tls_mismatch'],
  ['an empty frame', Buffer.from('00000000', 'hex'), DROP_CODE.invalid_message, 'peer_protocol'],
];

for (const [what, bytes, dropCode, errorCode] of refusals) {
  test(`${what} is refused: ${errorCode}`, (t) => {
    const answer = answerTo(bytes);
    t.is(answer.dropCode, dropCode);
    t.is(answer.party.end?.reason, 'failed');
    t.is(answer.party.end?.error?.code, errorCode);
    t.is(answer.party.session.state, 'ended');
    answer.party.take(answer.party.session.receive(hello(SMALLEST_ID)));
    t.is(answer.party.outputs.length, 1, 'an ended session ignores everything');
  });
}

test('a version that was not offered, an ID that changes, a stolen part: all refused', (t) => {
  const begin = (): Party => answerTo(hello(SMALLEST_ID)).party;
  const version = begin();
  version.take(version.session.receive(say({ type: 'version_select', sender: SMALLEST_ID, version: 7 })));
  t.is(version.end?.error?.code, 'peer_incompatible');
  const changed = begin();
  const other = '11111111-1111-4111-8111-111111111111';
  changed.take(changed.session.receive(say({ type: 'version_select', sender: other, version: 1 })));
  t.regex(changed.end?.error?.message ?? '', /changed its ID/);
  const dialled = new Party({ id: SMALLEST_ID, side: 'dialled' });
  dialled.take(dialled.session.start(0));
  dialled.take(dialled.session.receive(say({ type: 'version_select', sender: LARGEST_ID, version: 1 })));
  t.regex(dialled.end?.error?.message ?? '', /originator's part/);
});

test('drop_conn ends it at any point, with the code told', (t) => {
  const drop = (code: number): Buffer =>
    say({ type: 'drop_conn', sender: SMALLEST_ID, code, description: 'why' });
  t.is(answerTo(drop(DROP_CODE.redundant_connection)).party.end?.reason, 'redundant');
  t.is(answerTo(drop(DROP_CODE.peer_incompatible)).party.end?.error?.code, 'peer_incompatible');
  const shutting = answerTo(drop(DROP_CODE.shutting_down)).party.end;
  t.is(shutting?.error?.message, 'the peer refused: shutting_down (why)');
  t.regex(answerTo(drop(99)).party.end?.error?.message ?? '', /broker error 99/);
});

test('a connection that closes without a word gets a hint', (t) => {
  const party = new Party({ id: LARGEST_ID, side: 'dialled' });
  party.take(party.session.start(0));
  party.take(party.session.closed());
  t.is(party.end?.error?.code, 'peer_closed');
  t.regex(party.end?.error?.message ?? '', /tls= mode/);
});

for (const dialler of ['smallest', 'largest'] as const) {
  for (const outcome of ['proceed', 'redundant'] as const) {
    test(`a refused claim waits for its resolution: ${outcome}, the ${dialler} ID dialling`, (t) => {
      const [first, second] = dialler === 'smallest' ? [SMALLEST_ID, LARGEST_ID] : [LARGEST_ID, SMALLEST_ID];
      for (const side of ['dialled', 'accepted'] as const) {
        const dialled = new Party({ id: first, side: 'dialled', claim: () => side !== 'dialled' });
        const accepted = new Party({ id: second, side: 'accepted', claim: () => side !== 'accepted' });
        const both = new Pair(dialled, accepted, 5).start();
        const refused = side === 'dialled' ? dialled : accepted;
        const other = side === 'dialled' ? accepted : dialled;
        t.is(refused.session.state, 'await_resolution');
        t.true(refused.outputs.some(({ type }) => type === 'conflict'));
        refused.take(refused.session.resolve(outcome));
        both.deliver();
        if (outcome === 'proceed') {
          t.is(dialled.session.state, 'peered');
          t.is(accepted.session.state, 'peered');
        } else {
          t.is(refused.end?.reason, 'redundant');
          const refusedIsOriginator = (refused === dialled) === (dialler === 'smallest');
          t.is(other.end?.reason, refusedIsOriginator ? 'redundant' : 'failed');
        }
      }
    });
  }
}

test('a peer that talks on while its claim is refused is not listened to for long', (t) => {
  const party = new Party({ id: LARGEST_ID, side: 'accepted', claim: () => false });
  party.take(party.session.start(0));
  party.take(party.session.receive(hello(SMALLEST_ID)));
  party.take(party.session.receive(say({ type: 'version_select', sender: SMALLEST_ID, version: 1 })));
  t.is(party.session.state, 'await_resolution');
  const chunk = Buffer.alloc(HANDSHAKE_FRAME_BYTES / 4);
  for (let n = 0; n < 4; n += 1) party.take(party.session.receive(chunk));
  t.is(party.end, undefined);
  party.take(party.session.receive(Buffer.of(0)));
  t.is(party.end?.reason, 'failed');
  t.regex(party.end?.error?.message ?? '', /before the handshake went on/);
  party.take(party.session.receive(chunk));
});

test('unpeering in the handshake says shutting_down', (t) => {
  const party = new Party({ id: LARGEST_ID, side: 'dialled' });
  party.take(party.session.start(0));
  party.take(party.session.unpeer(0));
  t.is(party.end?.reason, 'removed');
  t.is(party.sent.at(-'shutting down'.length - 2), DROP_CODE.shutting_down);
});

test('a frame above the limit ends the session, and nothing is allocated for it', (t) => {
  const both = pair().start();
  both.accepted.take(both.accepted.session.receive(Buffer.from('7fffffff00', 'hex')));
  t.is(both.accepted.end?.reason, 'lost');
  t.is(both.accepted.end?.error?.code, 'peer_protocol');
});
