import test from 'ava';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import { count, string, type Value } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { PEER_LOG_SCHEMAS } from '../../src/core/limits.js';
import { clusterHello, nodeIdTopic, nodeNameFromHello } from '../../src/zeek/cluster.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import {
  batchMessage,
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  logWriteMessage,
} from '../../src/zeek/message.js';
import { recordedPayloads } from '../support/recordings.js';

const PEER = 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef';
const ORIGIN = { kind: 'live', peer: PEER, name: '127.0.0.1:9999' } as const;
const SCHEMA: LogSchema = {
  stream: 'Conn::LOG',
  writer: 'Log::WRITER_ASCII',
  path: 'conn',
  fields: [{ name: 'n', type: 'count', subtype: 'void', optional: false }],
};
const SERIAL = encodeLogRecord([{ type: 'count', value: 5n }]);

const interpret = (interpreter: Interpreter, message: Value) =>
  interpreter.interpret('zeek/logs/Conn::LOG', encodeValue(message), 7n);

test('a record finds the schema that was announced before', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const [schema] = interpret(interpreter, logCreateMessage(SCHEMA));
  t.like(schema, { kind: 'schema', schema: SCHEMA, origin: ORIGIN, received: 7n });
  const items = interpret(
    interpreter,
    batchMessage([logWriteMessage(SCHEMA, SERIAL), logWriteMessage(SCHEMA, SERIAL)]),
  );
  t.is(items.length, 2);
  for (const item of items) {
    t.like(item, { kind: 'log', schema: SCHEMA, topic: 'zeek/logs/Conn::LOG' });
    t.deepEqual(item.kind === 'log' ? Buffer.from(item.serial) : undefined, SERIAL);
  }
});

test('a record before its schema, of another path or writer, is a dead letter with its message', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  interpret(interpreter, logCreateMessage(SCHEMA));
  for (const key of [
    { ...SCHEMA, path: 'conn2' },
    { ...SCHEMA, writer: 'W' },
    { ...SCHEMA, stream: 'S' },
  ]) {
    const [item] = interpret(interpreter, logWriteMessage(key, SERIAL));
    t.like(item, { kind: 'dead-letter', code: 'log_without_schema', subject: key.stream });
    const raw = item?.kind === 'dead-letter' ? item.raw : undefined;
    t.deepEqual(raw, encodeValue(logWriteMessage(key, SERIAL)));
  }
});

test('a later announcement replaces the earlier one', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const wider = { ...SCHEMA, fields: [...SCHEMA.fields, { ...SCHEMA.fields[0], name: 'm' }] } as LogSchema;
  interpret(interpreter, batchMessage([logCreateMessage(SCHEMA), logCreateMessage(wider)]));
  const [item] = interpret(interpreter, logWriteMessage(SCHEMA, SERIAL));
  t.deepEqual(item?.kind === 'log' ? item.schema : undefined, wider);
  t.is(interpreter.schemas.find(SCHEMA), item?.kind === 'log' ? item.schema : undefined);
});

test('a peer may announce only so many logs; a further one is kept with its bytes', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  for (let n = 0; n < PEER_LOG_SCHEMAS; n += 1) interpreter.schemas.add({ ...SCHEMA, path: `conn${n}` });
  const message = logCreateMessage({ ...SCHEMA, path: 'one more' });
  const [refused] = interpret(interpreter, message);
  t.like(refused, { kind: 'dead-letter', code: 'too_many_logs', subject: 'Conn::LOG' });
  t.deepEqual(refused?.kind === 'dead-letter' ? refused.raw : undefined, encodeValue(message));
  const [again] = interpret(interpreter, logCreateMessage({ ...SCHEMA, path: 'conn7' }));
  t.is(again?.kind, 'schema');
});

test('the hello of the peer itself names its node, from then on', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const hello = clusterHello('worker-1', PEER);
  const [before] = interpret(interpreter, eventMessage('e', []));
  const [named] = interpret(interpreter, eventMessage(hello.name, hello.args));
  const [after] = interpret(interpreter, eventMessage('e', []));
  t.deepEqual(before?.origin, ORIGIN);
  t.deepEqual([named?.origin, after?.origin], [interpreter.origin, { ...ORIGIN, node: 'worker-1' }]);
});

test('the hello of another endpoint, or one that is malformed, names nobody', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const { name, args } = clusterHello('worker-1', 'aa70c668-04f2-4e74-95a6-cc245be11fc0');
  interpret(interpreter, eventMessage(name, args));
  interpret(interpreter, eventMessage(name, [count(1), string(PEER)]));
  interpret(interpreter, eventMessage(name, []));
  t.is(interpreter.origin.node, undefined);
  t.is(
    nodeNameFromHello({ name: 'other', args: clusterHello('n', PEER).args, metadata: [] }, PEER),
    undefined,
  );
  t.is(nodeIdTopic(PEER), `zeek/cluster/nodeid/${PEER}/`);
});

test('identifiers and what is not understood become items', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const [identifier] = interpret(interpreter, identifierUpdateMessage('Gw::id', count(7)));
  t.like(identifier, { kind: 'identifier', name: 'Gw::id', value: count(7) });
  const [bad] = interpret(interpreter, string('no message'));
  t.like(bad, { kind: 'dead-letter', code: 'message_malformed', origin: ORIGIN, received: 7n });
});

test('the recorded cluster: all records have a schema, every node says its name', (t) => {
  const interpreters = new Map<string, Interpreter>();
  for (const { topic, sender, bytes } of recordedPayloads(['broker-cluster'])) {
    const peer = [
      sender.slice(0, 8),
      sender.slice(8, 12),
      sender.slice(12, 16),
      sender.slice(16, 20),
      sender.slice(20),
    ].join('-');
    const interpreter =
      interpreters.get(peer) ?? new Interpreter({ kind: 'replay', peer, name: 'broker-cluster' });
    interpreters.set(peer, interpreter);
    t.false(interpreter.interpret(topic, bytes, 0n).some(({ kind }) => kind === 'dead-letter'));
  }
  const nodes = [...interpreters.values()].map(({ origin }) => origin.node).sort();
  t.deepEqual(nodes, ['logger', 'manager', 'proxy-1', 'worker-1']);
});
