import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { recordedLogEvents } from '../support/log-events.js';
import { fixtureFile } from '../support/recordings.js';
import { compareWithZeek } from '../support/stored-logs.js';
import { startWebsocketZeek, zeekFrame } from '../support/websocket-zeek.js';

/*
 * What a Zeek logged, as the events that its WebSocket API sends, to a gateway that is the client.
 */

const RECORDS = 869;

for (const tls of [false, true]) {
  test.serial(`logs as events over ${tls ? 'wss' : 'ws'} are stored as Zeek wrote them`, async (t) => {
    const { db, url } = await ownDatabase(t);
    const zeek = await startWebsocketZeek(t, { tls });
    const ca = tls ? `?ca=${encodeURIComponent(fixtureFile('tls/ca.pem'))}` : '';
    const gateway = new Zeekway(t, [
      'serve',
      ...['--peer', `${zeek.url}${ca}`, '--database', url],
      ...['--data', mkdtempSync(join(tmpdir(), 'zeekway-websocket-logs-')), '--http', '127.0.0.1:0'],
    ]);
    await until('the gateway is there', () => gateway.err.includes('peer_added'), 30_000);
    const [client] = zeek.clients;
    t.true(JSON.parse(String(client?.frames[0])).includes('zeekway/logs/'));
    for (const { topic, value } of recordedLogEvents('native-logs')) client?.send(zeekFrame(topic, value));
    // The last frame was read when the connection is closed in order.
    client?.socket.close();
    await until('the gateway was left', () => gateway.err.includes('peer_lost'), 30_000);
    gateway.kill('SIGTERM');
    t.is((await gateway.end()).code, 0, gateway.err);
    t.is(await compareWithZeek(t, db, 'native-logs', 'any'), RECORDS);
    for (const table of ['events', 'dead_letters']) {
      const { rows } = await db.pool.query(`SELECT count(*)::int AS n FROM zeekway.${table}`);
      t.deepEqual(rows, [{ n: 0 }], gateway.err);
    }
  });
}
