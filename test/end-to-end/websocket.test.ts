import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Value, vector } from '../../src/codec/value.js';
import { decodeValueJson, encodeValueJson } from '../../src/codec/value-json.js';
import { printNotation } from '../../src/zeek/notation/print.js';
import { readPayload } from '../../src/zeek/payload.js';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { fixtureFile, websocketFrames } from '../support/recordings.js';
import { startWebsocketZeek } from '../support/websocket-zeek.js';

/*
 * What a Zeek sent to a client of its WebSocket API, as it was recorded, to a gateway that is the client.
 */

for (const name of ['websocket', 'websocket-clean'] as const) {
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
    for (const [index, event] of expected.entries()) {
      const json = encodeValueJson(vector(event.args), { strings: 'escaped' });
      const storedArgs = decodeValueJson(`{"@data-type":"vector","data":${rows[index]?.args}}`, {
        strings: 'escaped',
      });
      t.deepEqual(storedArgs, decodeValueJson(json, { strings: 'escaped' }), event.name);
      t.deepEqual(storedArgs, vector(event.args), event.name);
    }
    const printed = readFileSync(fixtureFile(`zeek/${name}/zeek.txt`), 'utf8').split('\n');
    const networks = expected.filter((event) => event.name === 'Gw::network');
    // Zeek prints IPv6 without the brackets that its scripts have.
    const text = (args: readonly Value[]): string =>
      args.map((arg) => printNotation(arg).replace(/[[\]]/g, '')).join(', ');
    t.deepEqual(
      networks.map(({ args }) => `network, ${text(args)}`),
      printed.filter((line) => line.startsWith('network, ')),
    );
    t.is(networks.length, 2);
    gateway.kill('SIGTERM');
    t.is((await gateway.end()).code, 0, gateway.err);
    return undefined;
  });
}
