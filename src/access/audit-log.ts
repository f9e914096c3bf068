import type pg from 'pg';
import { errorLine } from '../core/errors.js';
import { AUDIT_WAITING } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { type AuditEntry, writeAudit } from '../storage/audit.js';

/**
 * Writes the audit log, behind the requests: none waits for it, and none fails where the database is away. What cannot
 * be written is in the log of zeekway only, as every entry is, and counted.
 */
export class AuditLog {
  /** Entries that the table does not have. */
  unwritten = 0;
  private waiting: AuditEntry[] = [];
  private writing: Promise<void> | undefined;

  constructor(
    private readonly pool: pg.Pool,
    private readonly logger: Logger,
  ) {}

  add(entry: AuditEntry): void {
    if (this.waiting.length >= AUDIT_WAITING) {
      this.unwritten += 1;
      return;
    }
    this.waiting.push(entry);
    this.writing ??= this.write();
  }

  /** Resolves when all entries are written, or given up. */
  async close(): Promise<void> {
    await this.writing;
  }

  /** One statement after the other: those that came meanwhile go together. */
  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      const entries = this.waiting;
      this.waiting = [];
      try {
        await writeAudit(this.pool, entries);
      } catch (error) {
        this.unwritten += entries.length;
        this.logger.warn(
          { entries: entries.length },
          `the audit log has not all requests: ${errorLine(error)}`,
        );
      }
    }
    this.writing = undefined;
  }
}
