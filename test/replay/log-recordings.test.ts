import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { openReplay } from '../../src/replay/replay.js';
import type { FieldType } from '../../src/zeek/field-type.js';
import type { Item, SchemaItem } from '../../src/zeek/item.js';
import { fixtureFile, pcapFile } from '../support/recordings.js';
import { keep, logItems, plainRow, type Row, row, rows, schemas, sixDecimals } from './log-rows.js';
import { codes, OPTIONS, read } from './reading.js';

const fixture = (set: string, form: 'json' | 'tsv', log: string): Buffer =>
  readFileSync(fixtureFile(`zeek/${set}/${form}/${log}`));
const logsOf = (set: string): string[] => readdirSync(fixtureFile(`zeek/${set}/json`));
const SETS = ['native-logs', 'native-log-types'];

/** What the recording's own types are, for the log that is not one of Zeek's. */
async function typesOf(log: Buffer): Promise<ReadonlyMap<string, FieldType>> {
  const [schema] = schemas(await read(log, 'x.log'));
  return new Map(schema?.schema.fields.map(({ name, type, subtype }) => [name, { type, subtype }]));
}

for (const set of SETS) {
  for (const log of logsOf(set)) {
    test(`${set} ${log}: TSV and JSON say the same`, async (t) => {
      const tsv = await read(fixture(set, 'tsv', log), log);
      const types = await typesOf(fixture(set, 'tsv', log));
      const json = await read(fixture(set, 'json', log), log, { ...OPTIONS, knownTypes: () => types });
      for (const one of [tsv, json]) {
        t.is(one.error, undefined);
        t.deepEqual(one.report.warnings, []);
        t.is(one.report.deadLetters, 0);
      }
      t.deepEqual(rows(tsv, sixDecimals), rows(json, sixDecimals));
      const lineCount = fixture(set, 'json', log).toString('latin1').split('\n').length - 1;
      t.is(json.report.records, lineCount);
    });

    test(`${set} ${log}: JSON is what was on the wire`, async (t) => {
      const path = log.replace('.log', '');
      const types = await typesOf(fixture(set, 'tsv', log));
      const json = await read(fixture(set, 'json', log), log, { ...OPTIONS, knownTypes: () => types });
      const items: Item[] = [];
      for await (const batch of (await openReplay(pcapFile(set), OPTIONS)).items()) items.push(...batch);
      const wire = logItems({ items }).filter(({ schema }) => schema.path === path);
      const sorted = (all: Record<string, unknown>[]): string[] =>
        all
          .map((one) =>
            JSON.stringify(one, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
          )
          .sort();
      t.deepEqual(
        sorted(logItems(json).map((item) => plainRow(inOrder(row(item)), keep))),
        sorted(wire.map((item) => plainRow(inOrder(row(item)), keep))),
      );
      t.true(wire.length > 0);
    });

    test(`${set} ${log}: the types of TSV are those of the wire, and records encode to the same size`, async (t) => {
      const tsv = await read(fixture(set, 'tsv', log), log);
      const [announced] = schemas(tsv);
      const items: Item[] = [];
      for await (const batch of (await openReplay(pcapFile(set), OPTIONS)).items()) items.push(...batch);
      const live = items.find(
        (item) => item.kind === 'schema' && item.schema.path === announced?.schema.path,
      );
      if (live?.kind !== 'schema' || !announced) return t.fail('no schema');
      const shape = ({ schema }: SchemaItem) =>
        schema.fields.map(({ name, type, subtype }) => [name, type, subtype]);
      t.deepEqual(shape(announced), shape(live));
      t.true(announced.schema.stream === live.schema.stream || set === 'native-log-types');
      const sizes = (all: readonly Item[]) =>
        logItems({ items: all })
          .filter(({ schema }) => schema.path === announced.schema.path)
          .map(({ serial }) => serial.length)
          .sort((a, b) => a - b);
      t.deepEqual(sizes(tsv.items), sizes(items));
    });
  }
}

const inOrder = (values: Row): Row =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

test('the logs of Zeek are typed without a table, too', async (t) => {
  for (const log of logsOf('broker-cluster')) {
    const json = await read(readFileSync(fixtureFile(`zeek/broker-cluster/json/${log}`)), log);
    t.is(json.report.deadLetters, 0, log);
    t.deepEqual(codes(json.report), [], log);
    t.true(json.report.records > 0, log);
    const ts = schemas(json)[0]?.schema.fields.find(({ name }) => name === 'ts');
    t.is(ts?.type, 'time', log);
  }
});
