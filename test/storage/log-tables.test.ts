import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { type ColumnSpec, ensureLogTable, type SqlType } from '../../src/storage/log-tables.js';
import { ownDatabase, testDatabase } from '../support/database.js';

const spec = (field: string, sqlType: SqlType, zeekType = 'string'): ColumnSpec => ({
  field,
  zeekType,
  sqlType,
});

/** Announces a log in the file's database. */
async function announce(t: ExecutionContext, path: string, specs: readonly ColumnSpec[]) {
  const { db } = await testDatabase(t);
  return ensureLogTable(db, { path, stream: 'Test::LOG' }, specs);
}

/** The columns that the table really has: name and type. */
async function columnsOf(t: ExecutionContext, table: string): Promise<[string, string][]> {
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query<{ name: string; type: string }>(
    `SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  );
  return rows.map(({ name, type }) => [name, type]);
}

test('a new log becomes a table with a column a field, and provenance', async (t) => {
  const log = await announce(t, 'conn', [
    spec('ts', 'timestamptz', 'time'),
    spec('uid', 'text'),
    spec('id.orig_h', 'inet', 'addr'),
    spec('orig_bytes', 'numeric(20,0)', 'count'),
    spec('tags', 'text[]', 'set[string]'),
    spec('local', 'boolean', 'bool'),
    spec('duration', 'double precision', 'interval'),
    spec('port', 'integer', 'port'),
    spec('offset', 'bigint', 'int'),
  ]);
  t.deepEqual(log, {
    path: 'conn',
    table: 'logs."conn"',
    columns: ['ts', 'uid', 'id.orig_h', 'orig_bytes', 'tags', 'local', 'duration', 'port', 'offset'],
    key: 'ts',
  });
  t.deepEqual(await columnsOf(t, log.table), [
    ['ts', 'timestamp with time zone'],
    ['uid', 'text'],
    ['id.orig_h', 'inet'],
    ['orig_bytes', 'numeric(20,0)'],
    ['tags', 'text[]'],
    ['local', 'boolean'],
    ['duration', 'double precision'],
    ['port', 'integer'],
    ['offset', 'bigint'],
    ['_received', 'timestamp with time zone'],
    ['_source', 'integer'],
  ]);
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query(
    `SELECT field, zeek_type, sql_type, column_name, position FROM zeekway.log_fields
      WHERE path = 'conn' AND position < 3 ORDER BY position`,
  );
  t.deepEqual(rows, [
    { field: 'ts', zeek_type: 'time', sql_type: 'timestamptz', column_name: 'ts', position: 0 },
    { field: 'uid', zeek_type: 'string', sql_type: 'text', column_name: 'uid', position: 1 },
    { field: 'id.orig_h', zeek_type: 'addr', sql_type: 'inet', column_name: 'id.orig_h', position: 2 },
  ]);
});

test('the types hold every value of their Zeek type', async (t) => {
  const { table } = await announce(t, 'extremes', [
    spec('c', 'numeric(20,0)', 'count'),
    spec('net', 'inet', 'subnet'),
    spec('ts', 'timestamptz', 'time'),
    spec('holes', 'bigint[]', 'vector[int]'),
  ]);
  const { db } = await testDatabase(t);
  await db.pool.query(
    `INSERT INTO ${table} VALUES (18446744073709551615, '10.1.2.3/8', '2026-11-24 03:00:00.123456Z',
       '{1,NULL,-9223372036854775808}', now(), 1), (0, '2001:db8::1/32', 'infinity', '{}', now(), 1)`,
  );
  const { rows } = await db.pool.query(`SELECT c::text, net::text, ts::text, holes::text FROM ${table}`);
  t.deepEqual(rows, [
    {
      c: '18446744073709551615',
      net: '10.1.2.3/8',
      ts: '2026-11-24 03:00:00.123456+00',
      holes: '{1,NULL,-9223372036854775808}',
    },
    { c: '0', net: '2001:db8::1/32', ts: 'infinity', holes: '{}' },
  ]);
});

test('announcing again, in another order or with fewer fields changes nothing', async (t) => {
  const fields = [spec('a', 'text'), spec('b', 'bigint', 'int'), spec('c', 'boolean', 'bool')];
  const [a, b, c] = fields as [ColumnSpec, ColumnSpec, ColumnSpec];
  const { table } = await announce(t, 'again', fields);
  const before = await columnsOf(t, table);
  t.deepEqual((await announce(t, 'again', fields)).columns, ['a', 'b', 'c']);
  t.deepEqual((await announce(t, 'again', [c, a])).columns, ['c', 'a']);
  t.deepEqual((await announce(t, 'again', [b])).columns, ['b']);
  t.deepEqual(await columnsOf(t, table), before);
});

test('the stream of a log that was first seen in a file is learned later, and then stays', async (t) => {
  const { db } = await testDatabase(t);
  const streams: string[] = [];
  for (const stream of ['', 'Conn::LOG', '', 'Other::LOG']) {
    await ensureLogTable(db, { path: 'from_file', stream }, [spec('a', 'text')]);
    const { rows } = await db.pool.query("SELECT stream FROM zeekway.logs WHERE path = 'from_file'");
    streams.push(rows[0].stream);
  }
  t.deepEqual(streams, ['', 'Conn::LOG', 'Conn::LOG', 'Conn::LOG']);
});

test('a new field is a new column; earlier rows have NULL there', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await announce(t, 'grow', [spec('a', 'text')]);
  await db.pool.query(`INSERT INTO ${table} VALUES ('old', now(), 1)`);
  const grown = await announce(t, 'grow', [spec('b', 'inet', 'addr'), spec('a', 'text')]);
  t.deepEqual(grown, { path: 'grow', table, columns: ['b', 'a'], key: '_received' });
  const { rows } = await db.pool.query(`SELECT a, b FROM ${table}`);
  t.deepEqual(rows, [{ a: 'old', b: null }]);
});

test('a field of another type gets a further column and nothing is lost', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await announce(t, 'retyped', [spec('duration', 'double precision', 'interval')]);
  await db.pool.query(`INSERT INTO ${table} VALUES (1.5, now(), 1)`);
  const text = await announce(t, 'retyped', [spec('duration', 'text')]);
  t.deepEqual(text.columns, ['duration:text']);
  const list = await announce(t, 'retyped', [spec('duration', 'text[]', 'set[string]')]);
  t.deepEqual(list.columns, ['duration:text[]']);
  // The first announcement is still good.
  const first = await announce(t, 'retyped', [spec('duration', 'double precision', 'interval')]);
  t.deepEqual(first.columns, ['duration']);
  const { rows } = await db.pool.query(`SELECT duration, "duration:text" AS text FROM ${table}`);
  t.deepEqual(rows, [{ duration: 1.5, text: null }]);
});

test('another Zeek type with the same SQL type shares the column; the catalogue has the newest', async (t) => {
  const { db } = await testDatabase(t);
  await announce(t, 'enum', [spec('proto', 'text', 'string')]);
  t.deepEqual((await announce(t, 'enum', [spec('proto', 'text', 'enum')])).columns, ['proto']);
  const { rows } = await db.pool.query("SELECT zeek_type FROM zeekway.log_fields WHERE path = 'enum'");
  t.deepEqual(rows, [{ zeek_type: 'enum' }]);
});

test('fields that have the names of other columns get names of their own', async (t) => {
  const fields = ['_received', '_source', 'ctid', 'select', 'A', 'a', 'x y', 'quo"te', 'a:text', 'ä'];
  const { columns, table } = await announce(
    t,
    'names',
    [...fields, 'f'.repeat(80)].map((field) => spec(field, 'text')),
  );
  t.deepEqual(columns.slice(0, -1), ['_received:text', '_source:text', 'ctid:text', ...fields.slice(3)]);
  t.regex(columns.at(-1) ?? '', /^f{54}~[0-9a-f]{8}$/);
  t.deepEqual(
    (await columnsOf(t, table)).map(([name]) => name),
    [...columns, '_received', '_source'],
  );
});

test('paths with any characters have a table of their own', async (t) => {
  const { db } = await testDatabase(t);
  const paths = [
    'a.b',
    'A.b',
    'a/b',
    'it\'s "quoted"',
    'x\\x00y',
    'ünï',
    ' ',
    'user',
    'p'.repeat(70),
    `${'p'.repeat(69)}q`,
  ];
  const tables = await Promise.all(paths.map((path) => announce(t, path, [spec('a', 'text')])));
  t.is(new Set(tables.map(({ table }) => table)).size, paths.length);
  t.deepEqual(
    tables.map(({ path }) => path),
    paths,
  );
  for (const { table } of tables) {
    await db.pool.query(`INSERT INTO ${table} (a, _received, _source) VALUES ('x', now(), 1)`);
  }
  t.is(tables[3]?.table, 'logs."it\'s ""quoted"""');
});

test('a path that is the name of an index gets another table name', async (t) => {
  const { db } = await testDatabase(t);
  await announce(t, 'indexed', [spec('ts', 'timestamptz', 'time')]);
  await db.pool.query('CREATE INDEX mine ON logs.indexed (ts)');
  t.is((await announce(t, 'mine', [spec('a', 'text')])).table, 'logs."mine:log"');
});

test('a table that was dropped is made again', async (t) => {
  const { db } = await testDatabase(t);
  const fields = [spec('a', 'text'), spec('b', 'text')];
  const { table } = await announce(t, 'dropped', fields);
  await db.pool.query(`DROP TABLE ${table}`);
  t.deepEqual(await announce(t, 'dropped', fields), {
    path: 'dropped',
    table,
    columns: ['a', 'b'],
    key: '_received',
  });
  t.is((await columnsOf(t, table)).length, 4);
});

test("a user's own column is left alone", async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await announce(t, 'noted', [spec('a', 'text')]);
  await db.pool.query(`ALTER TABLE ${table} ADD COLUMN note text DEFAULT 'mine'`);
  const { columns } = await announce(t, 'noted', [spec('a', 'text'), spec('note', 'inet', 'addr')]);
  t.deepEqual(columns, ['a', 'note:inet']);
});

test('gateways that announce different fields of one path at once get all of them', async (t) => {
  const { db } = await ownDatabase(t);
  const announced = Array.from({ length: 8 }, (_, i) => [
    spec('common', 'text'),
    spec(`own${i % 4}`, 'bigint', 'int'),
    i % 2 === 0 ? spec('disputed', 'text') : spec('disputed', 'boolean', 'bool'),
  ]);
  const tables = await Promise.all(
    announced.map((specs) => ensureLogTable(db, { path: 'race', stream: 'Race::LOG' }, specs)),
  );
  const disputed = [tables[0]?.columns[2], tables[1]?.columns[2]];
  t.is(new Set(disputed).size, 2);
  t.true(disputed.includes('disputed'));
  for (const [i, { columns, table }] of tables.entries()) {
    t.deepEqual(columns as (string | undefined)[], ['common', `own${i % 4}`, disputed[i % 2]]);
    await db.pool.query(
      `SELECT ${columns.map((column) => pg.escapeIdentifier(column ?? '')).join()} FROM ${table}`,
    );
  }
  const { rows } = await db.pool.query(
    "SELECT count(*)::int AS count FROM pg_attribute WHERE attrelid = 'logs.race'::regclass AND attnum > 0",
  );
  t.deepEqual(rows, [{ count: 1 + 4 + 2 + 2 }]);
});

test('fields that cannot become a table are refused with the reason', async (t) => {
  const { db } = await testDatabase(t);
  const refused = async (path: string, specs: readonly ColumnSpec[], message: string | RegExp) => {
    await t.throwsAsync(announce(t, path, specs), { code: 'log_schema_invalid', message });
    const { rows } = await db.pool.query('SELECT 1 FROM zeekway.logs WHERE path = $1', [
      path.replaceAll('\0', ''),
    ]);
    t.deepEqual(rows, []);
  };
  await refused(
    'twice',
    [spec('a', 'text'), spec('a', 'text')],
    'log "twice" cannot become a table: two fields are named "a"',
  );
  await refused('nul\0', [spec('a', 'text')], /its path is not text$/);
  await refused('fieldnul', [spec('a\0', 'text')], /a field name is not text$/);
  const many = Array.from({ length: 1599 }, (_, i) => spec(`f${i}`, 'boolean', 'bool'));
  await refused('many', many, /^log "many" cannot become a table: tables can have at most 1600 columns/);
});

test('a log can have as many fields as PostgreSQL has columns', async (t) => {
  const many = Array.from({ length: 1598 }, (_, i) => spec(`f${i}`, 'boolean', 'bool'));
  t.is((await announce(t, 'widest', many)).columns.length, 1598);
  await t.throwsAsync(announce(t, 'widest', [spec('one more', 'text')]), { code: 'log_schema_invalid' });
  t.is((await announce(t, 'widest', many)).columns.length, 1598);
});
