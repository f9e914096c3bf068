import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { CopyBuffer, POSTGRES_EPOCH_SECONDS } from '../../src/bridge/copy-buffer.js';
import { writeTime } from '../../src/bridge/timestamp.js';
import { fixtureFile } from '../support/recordings.js';

/** The times of a recording's logs by both of Zeek's writers: JSON has the double, TSV has `%.6f` of it. */
function* recordedTimes(name: string): Generator<{ seconds: number; printed: string; where: string }> {
  for (const file of readdirSync(fixtureFile(`zeek/${name}/tsv`))) {
    const lines = readFileSync(fixtureFile(`zeek/${name}/tsv/${file}`), 'latin1').split('\n');
    const head = (key: string): string[] =>
      lines
        .find((line) => line.startsWith(`#${key}\t`))
        ?.split('\t')
        .slice(1) ?? [];
    const fields = head('fields');
    const types = head('types');
    const rows = lines.filter((line) => line !== '' && !line.startsWith('#'));
    const objects = readFileSync(fixtureFile(`zeek/${name}/json/${file}`), 'utf8')
      .trimEnd()
      .split('\n');
    for (const [index, row] of rows.entries()) {
      const cells = row.split('\t');
      const object = JSON.parse(objects[index] ?? '') as Record<string, number | number[]>;
      for (const [column, type] of types.entries()) {
        const values = [object[fields[column] ?? ''] ?? []].flat();
        const printed = values.length === 0 ? [] : (cells[column] ?? '').split(',');
        if (type !== 'time' && type !== 'vector[time]') continue;
        for (const [item, seconds] of values.entries()) {
          yield { seconds, printed: printed[item] ?? '', where: `${file} row ${index + 1}` };
        }
      }
    }
  }
}

for (const name of ['native-logs', 'native-log-types']) {
  test(`${name}: a time is stored as Zeek prints it`, (t) => {
    let times = 0;
    for (const { seconds, printed, where } of recordedTimes(name)) {
      const out = new CopyBuffer();
      out.beginRow(1);
      t.true(writeTime(out, seconds));
      out.endRow();
      const micros = out.chunks()[0]?.readBigInt64BE(6) ?? 0n;
      const sinceEpoch = micros + BigInt(POSTGRES_EPOCH_SECONDS) * 1_000_000n;
      t.is(String(sinceEpoch), String(BigInt(printed.replace('.', ''))), where);
      times += 1;
    }
    t.true(times > 500, `only ${times} times`);
  });
}
