import { isUtf8 } from 'node:buffer';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readPayload } from '../../src/zeek/payload.js';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { fixtureFile, websocketFrames } from '../support/recordings.js';
import { storedArgs } from '../support/stored-logs.js';
import { startWebsocketZeek } from '../support/websocket-zeek.js';
import { handlerLines, printedBy } from '../support/zeek-print.js';

/*
 * What a Zeek sent to a client of its WebSocket API, as it was recorded, to a gateway that is the client.
 */

/**
 * Whether Zeek could read a frame of its own that the recorded client sent back, and so printed it: not those that are
 * not UTF-8, nor that with the largest double, whose 309 digits Zeek writes and then refuses.
 */
const cameBack = (frame: Uint8Array): boolean => isUtf8(frame) && !/\d{309}/.test(frame.toString());

for (const [name, lines] of [
  ['websocket', 4],
  ['websocket-clean', 6],
] as const) {
  test(`${name}: each recorded event is stored with its values, and as Zeek prints them`, async (t) => {
    const { db, url } = await ownDatabase(t);
    const zeek = await startWebsocketZeek(t);
    const gateway = new Zeekway(t, [
      'serve',
      ...['--peer', zeek.url, '--subscribe', 'gw/', '--database', url],
      ...['--data', mkdtempSync(join(tmpdir(), 'zeekway-websocket-')), '--http', '127.0.0.1:0'],
    ]);
    await until('the gateway is there', () => gateway.err.includes('peer_added'), 30_000);
    const [client] = zeek.clients;
    if (!client) return t.fail('no client');
    t.true(JSON.parse(String(client.frames[0])).includes('gw/'));
    t.is(client.application, 'zeekway');
    const sent = websocketFrames(name).filter(
      ({ from, bytes }) => from === 'server' && bytes.includes('"type":"data-message"'),
    );
    t.true(sent.length >= 5);
    for (const { bytes } of sent) client.send(bytes);
    const stored = async () =>
      (await db.pool.query('SELECT name, topic, args::text AS args FROM zeekway.events ORDER BY id')).rows;
    await until('all is stored', async () => (await stored()).length >= sent.length, 30_000);

    const rows = await stored();
    const expected = sent.flatMap(({ bytes }) =>
      readPayload(bytes, 'broker-json-v1').map((message) => {
        if (message.type !== 'event') throw new Error(`a ${message.type} in the recording`);
        return message.event;
      }),
    );
    t.deepEqual(
      rows.map((row) => [row.name, row.topic]),
      expected.map((event) => [event.name, 'gw/ws/all']),
    );
    const args = rows.map((row) => storedArgs(row.args));
    t.deepEqual(
      args,
      expected.map((event) => event.args),
    );
    const printed = sent.flatMap(({ bytes }, index) =>
      cameBack(bytes) ? [printedBy(rows[index]?.name, args[index] ?? [])] : [],
    );
    t.deepEqual(printed, handlerLines(readFileSync(fixtureFile(`zeek/${name}/zeek.txt`), 'utf8')));
    t.is(printed.length, lines);
    gateway.kill('SIGTERM');
    t.is((await gateway.end()).code, 0, gateway.err);
    return undefined;
  });
}
