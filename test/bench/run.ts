/**
 * `npm run bench`: what the codec does in a second of one core, and how fast records become committed rows
 * against `psql \\copy` of the same rows in the same run, and what 1, 100 and 1,000 WebSocket clients get.
 * `npm run bench -- RECORDS ROUNDS` changes its size, `npm run bench -- fan-out [SECONDS]` is the clients alone.
 * `npm run bench -- questions [ROWS]`: the API's answers to everyday questions against SQL.
 * `npm run bench -- stores [SECONDS] [ENTRIES]`: writes through a data store's master, and its snapshot.
 * Needs psql (Debian: postgresql-client).
 */
import { closeServer } from '../support/make-database.js';
import { benchCodec } from './codec.js';
import { benchFanOut } from './fan-out.js';
import { benchIngest } from './ingest.js';
import { benchAllQuestions } from './questions.js';
import { benchSnapshot, benchStores } from './stores.js';

const [records = '200000', rounds = '5'] = process.argv.slice(2);

const print = (name: string, value: string): void =>
  void process.stdout.write(`${name.padEnd(34)} ${value.padStart(12)}\n`);
const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')}/s`;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function fanOut(seconds: number): Promise<void> {
  const results = await benchFanOut(seconds);
  for (const { clients, perSecond, share, p50, p99 } of results) {
    print(`messages to ${clients} clients`, `${rate(perSecond)} (${(100 * share).toFixed(1)} %)`);
    const relative = (p99 / (results[0]?.p99 ?? p99)).toFixed(1);
    print('  latency', `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${relative} x one client`);
  }
}

async function questions(rows: number): Promise<void> {
  const { server, answers, pages, days } = await benchAllQuestions(rows, 7);
  print('conn rows', `${rows.toLocaleString('en')} in ${server}`);
  for (const { name, api, sql, ratio, partitions, indexes } of answers) {
    const times = `API ${api.toFixed(1)} ms, SQL ${sql.toFixed(1)} ms, ${ratio.toFixed(2)} x`;
    print(name, `${times}; ${partitions} partitions; ${indexes.join(', ') || 'no index'}`);
  }
  print('last page / first page', pages.toFixed(2));
  print('a day of 100 days / of one', days.toFixed(2));
}

if (records === 'questions') {
  await questions(Number(process.argv[3] ?? 10_000_000));
  await closeServer();
  process.exit();
}
if (records === 'stores') {
  for (const { clones, putPerSecond, uniquePerSecond } of await benchStores(Number(process.argv[3] ?? 5))) {
    print(`put, ${clones} clones`, rate(putPerSecond));
    print(`put_unique, ${clones} clones`, rate(uniquePerSecond));
  }
  const entries = Number(process.argv[4] ?? 1_000_000);
  const { ms, blockedMs } = await benchSnapshot(entries);
  print(`snapshot of ${entries.toLocaleString('en')}`, `${Math.round(ms)} ms`);
  print('  the event loop stood still for', `${Math.round(blockedMs)} ms`);
  process.exit();
}
if (records === 'fan-out') {
  await fanOut(Number(process.argv[3] ?? 3));
  process.exit();
}
for (const { name, perSecond } of await benchCodec()) print(name, rate(perSecond));
const ingest = await benchIngest(Number(records), Number(rounds));
await closeServer();
print('records transcoded', rate(ingest.transcodePerSecond));
print('rows through the bridge', rate(median(ingest.bridge)));
print('rows from a capture', rate(median(ingest.replay)));
print('rows by psql \\copy', rate(median(ingest.psql)));
print('bridge / psql', ingest.bridgeRatio.toFixed(2));
print('capture / psql', ingest.replayRatio.toFixed(2));
await fanOut(3);
