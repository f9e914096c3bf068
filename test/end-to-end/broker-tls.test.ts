import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeValue } from '../../src/codec/value-binary.js';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { testEndpoint, until, urlOf } from '../support/endpoints.js';
import { recordedPayloads } from '../support/recordings.js';
import { compareWithZeek } from '../support/stored-logs.js';
import { mutualTls } from '../support/tls-urls.js';

/*
 * The log messages that a Zeek sent, as they were recorded, over a connection of each kind to a gateway.
 */

const modes = {
  'no TLS': { listening: 'tls=off', dialling: 'tls=off' },
  'anonymous TLS': { listening: 'tls=anonymous', dialling: 'tls=anonymous' },
  'mutual TLS': { listening: mutualTls('server'), dialling: mutualTls('client') },
};

function gateway(t: ExecutionContext, database: string, peering: readonly string[]): Zeekway {
  const data = mkdtempSync(join(tmpdir(), 'zeekway-broker-tls-'));
  return new Zeekway(t, [
    'serve',
    ...peering,
    ...['--database', database, '--data', data, '--http', '127.0.0.1:0'],
  ]);
}

for (const [mode, { listening, dialling }] of Object.entries(modes)) {
  for (const role of ['listens', 'dials'] as const) {
    test.serial(`${mode}: a gateway that ${role} has the logs as Zeek wrote them`, async (t) => {
      const { db, url } = await ownDatabase(t);
      const zeek = testEndpoint(t);
      let serving: Zeekway;
      if (role === 'listens') {
        serving = gateway(t, url, ['--listen', `broker://127.0.0.1:0?${listening}`]);
        await until('the API is up', () => serving.err.includes('API at'), 30_000);
        const port = Number(/listening for peers at 127\.0\.0\.1:(\d+)/.exec(serving.err)?.[1]);
        zeek.endpoint.peer(urlOf({ port }, dialling));
      } else {
        const at = await zeek.endpoint.listen(`broker://127.0.0.1:0?${listening}`);
        serving = gateway(t, url, ['--peer', urlOf(at, dialling)]);
      }
      const subscribed = () => zeek.endpoint.peers()[0]?.filter.includes('zeek/logs/') === true;
      await until('the gateway has subscribed', subscribed, 30_000);
      for (const { topic, bytes } of recordedPayloads(['native-logs'])) {
        t.is(zeek.endpoint.publish(topic, decodeValue(bytes)), 1);
      }
      // With the BYE all before it has arrived; a gateway that is ended stores what has arrived.
      await zeek.endpoint.close();
      await until('the gateway was left', () => serving.err.includes('the peer unpeered'), 30_000);
      serving.kill('SIGTERM');
      t.is((await serving.end()).code, 0, serving.err);
      t.is(await compareWithZeek(t, db, 'native-logs'), 869);
      const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM zeekway.dead_letters');
      t.deepEqual(rows, [{ n: 0 }], serving.err);
    });
  }
}
