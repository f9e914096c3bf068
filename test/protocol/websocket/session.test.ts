import test from 'ava';
import { string } from '../../../src/codec/value.js';
import {
  LIVENESS_TIMEOUT_MS,
  WEBSOCKET_ACK_TIMEOUT_MS,
  WEBSOCKET_HEARTBEAT_MS,
  WEBSOCKET_SILENCE_MS,
} from '../../../src/core/limits.js';
import { encodeAck, encodeDataMessage, encodeError } from '../../../src/protocol/websocket/messages.js';
import { type WebsocketOutput, WebsocketSession } from '../../../src/protocol/websocket/session.js';
import { websocketFrames } from '../../support/recordings.js';

const types = (outputs: readonly WebsocketOutput[]): string[] => outputs.map(({ type }) => type);

/** How it ended, and why. */
function ending(outputs: readonly WebsocketOutput[]): string {
  const end = outputs.at(-1);
  return end?.type === 'end' ? `${end.reason} ${end.error?.code ?? ''}`.trim() : 'goes on';
}

const ACK = encodeAck('id-websocket-0', '8.2.2');

function opened(): WebsocketSession {
  const session = new WebsocketSession({ filter: ['a/'] });
  session.start(0);
  session.receive(ACK, 0);
  return session;
}

for (const name of ['websocket', 'websocket-clean'] as const) {
  test(`${name}: a session says and understands what the recorded one does`, (t) => {
    const session = new WebsocketSession({ filter: ['gw/ws/'] });
    const [first, ...frames] = websocketFrames(name);
    t.is(session.state, 'idle');
    t.deepEqual(session.start(0), [{ type: 'send', text: first?.bytes ?? Buffer.of() }]);
    const outputs = frames
      .filter(({ from }) => from === 'server')
      .map(({ bytes }) => ({ bytes, outputs: session.receive(bytes, 1) }));
    t.like(outputs[0]?.outputs[0], { type: 'acknowledged', version: '8.2.2' });
    const messages = outputs.filter(({ bytes }) => bytes.includes('"topic"'));
    t.true(messages.length >= 7);
    for (const {
      bytes,
      outputs: [output],
    } of messages) {
      t.deepEqual(output, { type: 'message', topic: 'gw/ws/all', frame: bytes });
    }
    const errors = outputs.filter(({ bytes }) => bytes.includes('"error"')).flatMap((one) => one.outputs);
    t.is(errors.length, outputs.length - messages.length - 1);
    for (const output of errors) {
      t.like(output, { type: 'refused', error: { code: 'websocket_refused' } });
    }
    t.is(session.state, 'open');
  });
}

test('nothing is published before the ack, and not after the end', (t) => {
  const session = new WebsocketSession({ filter: [] });
  t.deepEqual(session.publish('a', string('x')), []);
  t.is(session.start(0)[0]?.type, 'send');
  t.deepEqual(session.publish('a', string('x')), []);
  session.receive(ACK, 0);
  t.deepEqual(session.publish('a', string('x')), [
    { type: 'send', text: encodeDataMessage('a', string('x')) },
  ]);
  t.throws(() => session.publish('a', string(Uint8Array.of(0xff))), { code: 'encode_invalid' });
  t.is(ending(session.closed()), 'lost peer_closed');
  t.deepEqual(session.publish('a', string('x')), []);
  t.deepEqual(session.receive(ACK, 0), []);
  t.deepEqual(session.closed(), []);
});

test('what comes instead of the ack ends it', (t) => {
  const cases: [Buffer, string][] = [
    [Buffer.from('hello'), 'failed peer_not_websocket'],
    [encodeDataMessage('a', string('x')), 'failed peer_not_websocket'],
    [encodeError('invalid_uri', 'no'), 'failed websocket_refused'],
  ];
  for (const [frame, expected] of cases) {
    const session = new WebsocketSession({ filter: [] });
    session.start(0);
    t.is(ending(session.receive(frame, 0)), expected);
    t.is(session.state, 'ended');
    t.is(session.deadline, undefined);
  }
});

test('an ack has a deadline', (t) => {
  const session = new WebsocketSession({ filter: [] });
  session.start(5);
  t.is(session.deadline, 5 + WEBSOCKET_ACK_TIMEOUT_MS);
  t.deepEqual(session.tick(4 + WEBSOCKET_ACK_TIMEOUT_MS), []);
  t.is(ending(session.tick(5 + WEBSOCKET_ACK_TIMEOUT_MS)), 'failed peer_timeout');
});

test('a topic that is not UTF-8 cannot be asked for', (t) => {
  t.is(ending(new WebsocketSession({ filter: ['a\udcff'] }).start(0)), 'failed encode_invalid');
});

test('what cannot be read is ignored, and what comes behind it is read', (t) => {
  const session = opened();
  t.deepEqual(types(session.receive(Buffer.from('{'), 1)), ['ignored']);
  t.deepEqual(types(session.receive(ACK, 1)), ['ignored']);
  t.deepEqual(types(session.receive(encodeDataMessage('a', string('x')), 1)), ['message']);
});

test('a silent server is pinged; a sign of life counts, its absence ends the session', (t) => {
  const session = opened();
  t.is(session.deadline, WEBSOCKET_SILENCE_MS);
  session.heard(100);
  t.is(session.deadline, 100 + WEBSOCKET_SILENCE_MS);
  t.deepEqual(session.tick(100 + WEBSOCKET_SILENCE_MS), [{ type: 'ping' }]);
  session.heard(20_000);
  t.deepEqual(session.tick(20_000 + WEBSOCKET_SILENCE_MS), [{ type: 'ping' }]);
  t.is(ending(session.tick(20_000 + WEBSOCKET_SILENCE_MS + LIVENESS_TIMEOUT_MS)), 'lost peer_timeout');
});

test('who does not read gives signs of life and waits for none', (t) => {
  const session = opened();
  session.setReading(false, 0);
  for (let now = WEBSOCKET_HEARTBEAT_MS; now <= 60_000; now += WEBSOCKET_HEARTBEAT_MS) {
    t.deepEqual(session.tick(now), [{ type: 'pong' }]);
  }
  session.setReading(true, 60_000);
  t.is(session.deadline, 60_000 + WEBSOCKET_SILENCE_MS);
});

test('closing: what is on its way still comes, then the session is removed', (t) => {
  const session = opened();
  t.deepEqual(session.close(), [{ type: 'close' }]);
  t.deepEqual(session.close(), []);
  t.is(session.deadline, undefined);
  t.deepEqual(types(session.receive(encodeDataMessage('a', string('x')), 1)), ['message']);
  t.deepEqual(session.publish('a', string('x')), []);
  t.is(ending(session.closed()), 'removed');
  for (const early of [new WebsocketSession({ filter: [] }), new WebsocketSession({ filter: [] })]) {
    t.is(ending(early.close()), 'removed');
  }
});
