/**
 * `npm run bench`: what the codec does in a second of one core, and how fast records become committed rows
 * against `psql \\copy` of the same rows in the same run. `npm run bench -- RECORDS ROUNDS` changes its size.
 * Needs psql (Debian: postgresql-client).
 */
import { closeServer } from '../support/make-database.js';
import { benchCodec } from './codec.js';
import { benchIngest } from './ingest.js';

const [records = '200000', rounds = '5'] = process.argv.slice(2);

const print = (name: string, value: string): void =>
  void process.stdout.write(`${name.padEnd(34)} ${value.padStart(12)}\n`);
const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')}/s`;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

for (const { name, perSecond } of await benchCodec()) print(name, rate(perSecond));
const ingest = await benchIngest(Number(records), Number(rounds));
await closeServer();
print('records transcoded', rate(ingest.transcodePerSecond));
print('rows through the bridge', rate(median(ingest.bridge)));
print('rows from a capture', rate(median(ingest.replay)));
print('rows by psql \\copy', rate(median(ingest.psql)));
print('bridge / psql', ingest.bridgeRatio.toFixed(2));
print('capture / psql', ingest.replayRatio.toFixed(2));
