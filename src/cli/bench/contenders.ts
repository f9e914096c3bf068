import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ZeekwayError } from '../../core/errors.js';
import type { LoadLog } from '../../load/plan.js';

/** What the gateway is compared with: the same rows into the same tables by other ways. */

const exec = promisify(execFile);

/** Inserting a row at a time is slow: it is stopped after so long. */
const INSERT_MS = 3_000;
/** Rows that are inserted at most: more than any server commits in that time. */
const INSERT_ROWS = 50_000;

/** The tables of the logs, all with the same indexes and partitions for everybody, since they are the same tables. */
export interface Tables {
  /** A connection for what is not measured. */
  readonly client: pg.Client;
  /** URL of the database. */
  readonly url: string;
  readonly logs: readonly LoadLog[];
}

/** COPY by psql, or where there is none by pg-copy-streams, of rows that lie in a file in COPY's binary form. */
export class CopyContender {
  private constructor(
    readonly tool: 'psql' | 'pg-copy-streams',
    private readonly tables: Tables,
    private readonly folder: string,
    private readonly rows: number,
  ) {}

  /** Takes the rows that the tables hold now into files. */
  static async prepare(tables: Tables, folder: string, rows: number): Promise<CopyContender> {
    const tool = await exec('psql', ['--version']).then(
      () => 'psql' as const,
      () => 'pg-copy-streams' as const,
    );
    for (const log of tables.logs) {
      const copy = tables.client.query(copyTo(`COPY (SELECT * FROM logs.${log}) TO STDOUT (FORMAT binary)`));
      await pipeline(copy, createWriteStream(join(folder, log)));
    }
    return new CopyContender(tool, tables, folder, rows);
  }

  /** @returns how many rows were copied. */
  async run(): Promise<number> {
    const { logs, client, url } = this.tables;
    if (this.tool === 'psql') {
      const copies = logs.flatMap((log) => [
        '--command',
        `\\copy logs.${log} from '${join(this.folder, log)}' with (format binary)`,
      ]);
      const settings = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1'];
      await exec('psql', [...settings, ...copies, url]).catch((error: Error) => {
        throw new ZeekwayError('bench_failed', error.message.trim(), {}, { cause: error });
      });
    } else {
      for (const log of logs) {
        const copy = client.query(copyFrom(`COPY logs.${log} FROM STDIN (FORMAT binary)`));
        await pipeline(createReadStream(join(this.folder, log)), copy);
      }
    }
    return this.rows;
  }
}

/** A prepared INSERT for each record, committed by itself: what the zeek-postgresql plugin does. */
export class InsertContender {
  private constructor(
    private readonly tables: Tables,
    private readonly inserts: readonly pg.QueryConfig[],
  ) {}

  /** Takes some of the rows that the tables hold now. */
  static async prepare(tables: Tables): Promise<InsertContender> {
    const inserts: pg.QueryConfig[] = [];
    const { client, logs } = tables;
    // The server's text of each value, which it reads again as the column's type.
    const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
    const limit = Math.ceil(INSERT_ROWS / logs.length);
    for (const log of logs) {
      const text = `SELECT * FROM logs.${log} LIMIT ${limit}`;
      const { rows, fields } = await client.query({ text, rowMode: 'array', types });
      const columns = fields.map(({ name }) => pg.escapeIdentifier(name)).join(', ');
      const values = fields.map((_, column) => `$${column + 1}`).join(', ');
      const insert = `INSERT INTO logs.${log} (${columns}) VALUES (${values})`;
      for (const row of rows) inserts.push({ name: log, text: insert, values: row });
    }
    return new InsertContender(tables, inserts);
  }

  /** @returns how many rows were inserted. */
  async run(): Promise<number> {
    const client = new pg.Client({ connectionString: this.tables.url });
    await client.connect();
    try {
      const end = performance.now() + INSERT_MS;
      let rows = 0;
      // In steps, so that all logs have their part however soon it is stopped.
      for (const insert of interleaved(this.inserts)) {
        if (performance.now() >= end) break;
        await client.query(insert);
        rows += 1;
      }
      return rows;
    } finally {
      await client.end();
    }
  }
}

/** All of them, in an order in which every part of the list has its turn early. */
function* interleaved<T>(items: readonly T[]): Generator<T> {
  const step = 97;
  for (let first = 0; first < step; first++) {
    for (let index = first; index < items.length; index += step) yield items[index] as T;
  }
}
