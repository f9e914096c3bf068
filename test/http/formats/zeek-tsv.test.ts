import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import test from 'ava';
import { replayFile } from '../../../src/cli/replay-file.js';
import { testDatabase } from '../../support/database.js';
import { silentLogger } from '../../support/logger.js';
import { pcapFile } from '../../support/recordings.js';
import { logsOf } from '../../support/stored-logs.js';
import { openApi, type TestApi } from '../api.js';

/* What real Zeek wrote into its log files, against what the same records become on the way through the database. */

const RECORDINGS = ['native-logs', 'native-log-types'];

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  const { db } = await testDatabase(t);
  const signal = new AbortController().signal;
  for (const name of RECORDINGS) {
    await replayFile(db, pcapFile(name), {
      again: false,
      speed: 'max',
      logger: silentLogger,
      signal,
      onProgress: () => {},
    });
  }
});
test.after.always(() => api.close());

/** The lines without the times of #open and #close, and the records sorted: Zeek writes them as they end. */
function comparable(bytes: Buffer): { header: string[]; records: string[]; end: string } {
  const lines = bytes.toString('latin1').split('\n');
  return {
    header: lines.filter((line) => line.startsWith('#') && !/^#(open|close)\t/.test(line)),
    records: lines.filter((line) => !line.startsWith('#')).sort(),
    end: lines.at(-2)?.replace(/[\d-]+$/, '') ?? '',
  };
}

for (const file of RECORDINGS.flatMap((name) => logsOf(name, 'tsv'))) {
  test.serial(`${basename(file)} is what Zeek wrote, byte for byte`, async (t) => {
    const answer = await api.server.inject(`/v1/logs/${basename(file, '.log')}?format=tsv`);
    t.is(answer.statusCode, 200);
    t.is(answer.headers['content-type'], 'text/tab-separated-values');
    const [ours, zeeks] = [comparable(answer.rawPayload), comparable(readFileSync(file))];
    t.true(zeeks.records.length > 1);
    t.deepEqual(ours, zeeks);
  });
}

test('the times of the file are written as Zeek writes them', async (t) => {
  const { body } = await api.server.inject('/v1/logs/conn?format=tsv&limit=1');
  t.regex(body, /\n#open\t\d{4}(-\d\d){5}\n/);
  t.regex(body, /\n#close\t\d{4}(-\d\d){5}\n$/);
});
