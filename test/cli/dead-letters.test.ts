import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { count, string } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { sourceId } from '../../src/storage/sources.js';
import { eventMessage } from '../../src/zeek/message.js';
import { ownDatabase } from '../support/database.js';
import { zeekway } from './cli.js';

const EVENT = encodeValue(eventMessage('X::e', [count(5)]));
const data = mkdtempSync(join(tmpdir(), 'zeekway-dead-letters-'));

/** Letters 1 to 4: an event, what is no message, a row that is stored already, and an event of another subject. */
async function setUp(t: ExecutionContext) {
  const { db, url } = await ownDatabase(t);
  const peer = 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef';
  await sourceId(db, { kind: 'live', name: '10.0.0.1:1', peer, node: 'worker-1' });
  for (const [code, subject, raw] of [
    ['row_rejected', 'X::e', EVENT],
    ['message_malformed', '', encodeValue(string('no message'))],
    ['value_out_of_range', 'Y::LOG', Buffer.of(1)],
    ['row_rejected', 'Y::e', EVENT],
  ] as const) {
    await db.pool.query(
      `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
       VALUES ($1, 'because', $2, 'zeek/event/x', '2026-11-24T04:00:00Z', 1, $3)`,
      [code, subject, raw],
    );
  }
  const run = (...args: string[]) => zeekway(t, ['dead-letters', ...args, '--database', url, '--data', data]);
  const left = async (): Promise<number[]> =>
    (await db.pool.query('SELECT id::int FROM zeekway.dead_letters ORDER BY id')).rows.map(({ id }) => id);
  return { db, url, run, left };
}

test.serial('looking: kinds, list, one', async (t) => {
  const { run } = await setUp(t);
  const summary = await run();
  t.is(summary.code, 0, summary.err);
  t.regex(summary.out, /row_rejected +│ X::e +│ worker-1 │ +1 │ 2026-11-24T04:00:00\.000000Z/);
  t.regex(summary.out, /\n4 in all\n$/);
  const json = JSON.parse((await run('summary', '--json', '--code', 'row_rejected')).out);
  t.is(json.total, 2);
  t.like(json.kinds[0], { code: 'row_rejected', count: 1, source: { node: 'worker-1' } });

  const list = await run('list', '--subject', 'Y::e');
  t.regex(list.out, /4 │ 2026-.* │ row_rejected │ Y::e +│ worker-1 │ +\d+ │ because/);
  t.is(list.out.match(/row_rejected/g)?.length, 1);
  const { deadLetters } = JSON.parse((await run('list', '--json', '--limit', '2')).out);
  t.deepEqual(
    deadLetters.map(({ id }: { id: number }) => id),
    [4, 3],
  );
  t.is(deadLetters[0].raw, EVENT.toString('hex'));
  const none = await run('list', '--to', '2026-11-24T03:00:00Z');
  t.deepEqual([none.code, none.out], [0, '']);
  t.regex(none.err, /no such dead letters/);

  const one = await run('show', '1');
  t.regex(
    one.out,
    /^dead letter 1: row_rejected\n[\s\S]*\n\nevent X::e\n {2}\{"@data-type":"count","data":5\}\n$/,
  );
  t.like(JSON.parse((await run('show', '2', '--json')).out), { id: 2, decoded: { messages: [] } });
});

test.serial('trying again: what can be stored is, the others say why not', async (t) => {
  const { db, run, left } = await setUp(t);
  const one = await run('retry', '4');
  t.deepEqual([one.code, one.out], [0, 'stored 1 (rows: 1), failed again 0, nothing to try 0\n']);
  const all = await run('retry', '--all');
  t.is(all.code, 1);
  t.regex(all.out, /^2: at byte 0: expected a Zeek message .*\[message_malformed\]$/m);
  t.regex(all.out, /^3: not tried: its row is stored already/m);
  t.regex(all.out, /^stored 1 \(rows: 1\), failed again 1, nothing to try 1$/m);
  t.deepEqual(await left(), [2, 3]);
  t.is((await db.pool.query('SELECT FROM zeekway.events')).rowCount, 2);
  t.is((await run('retry', '--code', 'value_out_of_range')).code, 0);
  const named = await run('retry', '3', '1');
  t.is(named.code, 1);
  t.regex(named.err, /1 of 2 are no such dead letters/);
});

test.serial('dropping', async (t) => {
  const { run, left } = await setUp(t);
  t.is((await run('drop', '--code', 'row_rejected', '--subject', 'X::e')).out, 'dropped 1\n');
  const gone = await run('drop', '1', '2');
  t.deepEqual([gone.code, gone.out], [1, 'dropped 1\n']);
  t.regex(gone.err, /1 of 2 are no such dead letters/);
  t.deepEqual(await left(), [3, 4]);
  const all = await run('drop', '--all');
  t.deepEqual([all.code, all.out], [0, 'dropped 2\n']);
});

test.serial('mistakes: a clear line, exit code 1, and nothing is changed', async (t) => {
  const { run, left } = await setUp(t);
  for (const [args, pattern] of [
    [['drop'], /say which dead letters: IDs, --code, .*\[config_invalid\]/],
    [['retry'], /say which dead letters/],
    [['drop', '--all', '1'], /--all is all of them/],
    [['drop', '--all', '--code', 'x'], /'--all' cannot be used with option '--code/],
    [['drop', 'x'], /expected the number of a dead letter/],
    [['show', '99'], /there is no dead letter 99 \[not_found\]/],
    [['list', '--limit', '0'], /expected a number above 0/],
    [['list', '--from', 'soon'], /"from" is a time like .*\[request_invalid\]/],
    [['lst'], /too many arguments/],
  ] as const) {
    const { code, out, err } = await run(...args);
    t.is(code, 1, args.join(' '));
    t.is(out, '', args.join(' '));
    t.regex(err, pattern);
    t.notRegex(err, /^ +at /m);
  }
  t.deepEqual(await left(), [1, 2, 3, 4]);
});
