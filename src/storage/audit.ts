import type pg from 'pg';
import { toDatabaseError } from './database-error.js';
import { afterSql, type ByIdRequest, type Page, page, whereSql } from './queries/by-id.js';
import { type Cell, type Query, textOf, textOrNull } from './queries/query.js';

/** One request that was to change something. */
export interface AuditEntry {
  readonly time: Date;
  /** `zeekway.tokens.id`. */
  readonly token?: number | undefined;
  readonly name: string;
  readonly address: string;
  readonly method: string;
  readonly route: string;
  /** What it was about: parameters of the path and of the query, the topic. */
  readonly target: Readonly<Record<string, string>>;
  readonly status: number;
}

export async function writeAudit(pool: pg.Pool, entries: readonly AuditEntry[]): Promise<void> {
  const column = <K extends keyof AuditEntry>(name: K) => entries.map((entry) => entry[name] ?? null);
  const values = [
    column('time'),
    column('token'),
    column('name'),
    column('address'),
    column('method'),
    column('route'),
    entries.map(({ target }) => JSON.stringify(target)),
    column('status'),
  ];
  try {
    await pool.query(
      `INSERT INTO zeekway.audit (time, token, name, address, method, route, target, status)
       SELECT * FROM unnest($1::timestamptz[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[],
                            $7::jsonb[], $8::int[])`,
      values,
    );
  } catch (error) {
    throw toDatabaseError(error, 'write the audit log');
  }
}

/** An entry as it is stored: `target` is JSON, times are PostgreSQL's text. */
export interface StoredAudit {
  readonly id: string;
  readonly time: string;
  readonly token: string | null;
  readonly name: string;
  readonly address: string;
  readonly method: string;
  readonly route: string;
  readonly target: string;
  readonly status: number;
}

export interface AuditRequest extends ByIdRequest {
  readonly name?: string | undefined;
}

/** Entries in the order in which they were stored. */
export async function storedAudit(query: Query, request: AuditRequest): Promise<Page<StoredAudit>> {
  const where = whereSql([
    ['name = ?', request.name],
    ['time >= ?::timestamptz', request.from],
    ['time < ?::timestamptz', request.to],
    [afterSql(request.order), request.after],
  ]);
  const select = `SELECT id, time, token, name, address, method, route, target, status FROM zeekway.audit ${where.sql}`;
  return page(query, select, where.values, request, auditRow);
}

function auditRow([id, time, token, name, address, method, route, target, status]: Cell[]): StoredAudit {
  return {
    id: textOf(id),
    time: textOf(time),
    token: textOrNull(token),
    name: textOf(name),
    address: textOf(address),
    method: textOf(method),
    route: textOf(route),
    target: textOf(target),
    status: Number(status),
  };
}
