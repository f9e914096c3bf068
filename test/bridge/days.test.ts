import test from 'ava';
import { Batch, halve, type RowSet } from '../../src/bridge/batch.js';
import { CopyBuffer } from '../../src/bridge/copy-buffer.js';
import { recordWriter } from '../../src/bridge/rows.js';
import { dayOfNanos } from '../../src/bridge/timestamp.js';
import { planRecord, type RecordPlan, transcodeRecord } from '../../src/bridge/transcode.js';
import { encodeLogRecord, type LogValue } from '../../src/codec/log-record.js';
import { field, logItem, origin, RECEIVED, schemaOf } from './support.js';

/** The day that a row is of is the one that its time has in PostgreSQL. */

const FIELDS = [field('n', 'int'), field('ts', 'time')];
const DAY = 86_400;
const MICRO = 1e-6;

const time = (seconds: number): LogValue => ({ type: 'time', value: seconds });
const absent: LogValue = { type: 'time', subtype: 'void', absent: true };

const recordOf = (ts: LogValue): Uint8Array => encodeLogRecord([{ type: 'int', value: 1n }, ts]);

function daysOf(plan: RecordPlan, values: readonly LogValue[], received = RECEIVED): number[] {
  const out = new CopyBuffer();
  for (const value of values) transcodeRecord(plan, recordOf(value), { received, source: 1 }, out);
  return [...out.days];
}

test('rows tell their days by the time of a field', (t) => {
  const plan = planRecord(FIELDS, 1);
  const times = [0, 1.5, DAY - MICRO, DAY, 20_000 * DAY + 5, 7 * DAY, 20_000 * DAY, -MICRO, -DAY].map(time);
  t.deepEqual(daysOf(plan, times), [0, 1, 20_000, 7, -1]);
  // Rounded to the microsecond it is the next day.
  t.deepEqual(daysOf(plan, [time(DAY - 4e-7)]), [1]);
  t.deepEqual(daysOf(plan, [time(DAY - 6e-7)]), [0]);
  t.deepEqual(daysOf(plan, [time(Number.NaN), time(Infinity), time(-Infinity), time(1e300), absent]), []);
});

test('rows tell their days by their reception, or not at all', (t) => {
  t.deepEqual(daysOf(planRecord(FIELDS, 'received'), [time(5), absent]), [19_675]);
  t.deepEqual(daysOf(planRecord(FIELDS), [time(5)]), []);
  const days = [
    -1n,
    0n,
    86_399_999_999_499n,
    86_399_999_999_500n,
    -86_400_000_000_000n,
    -86_400_000_001_000n,
  ];
  t.deepEqual(days.map(dayOfNanos), [0, 0, 0, 1, -1, -2]);
  t.throws(() => planRecord(FIELDS, 0), { message: 'field 0 is no time' });
});

test('a row that is taken back has no day', (t) => {
  const plan = planRecord(FIELDS, 1);
  const batch = new Batch();
  const schema = schemaOf('days', FIELDS);
  const from = origin('a');
  const target = { table: 'logs.days', columns: ['n', 'ts', '_received', '_source'] };
  const add = (serial: Uint8Array): unknown =>
    batch.add(target, logItem(schema, serial, from), 1, recordWriter(plan));
  add(recordOf(time(3 * DAY)));
  t.throws(() => add(Uint8Array.from([...recordOf(time(4 * DAY)), 0])));
  add(recordOf(absent));
  add(recordOf(time(5 * DAY)));
  const [set] = batch.rowSets() as [RowSet];
  t.deepEqual([...set.days], [3, 5]);
  t.is(set.rows, 3);
  t.deepEqual(
    halve(set).map(({ days }) => [...days]),
    [
      [3, 5],
      [3, 5],
    ],
  );
});
