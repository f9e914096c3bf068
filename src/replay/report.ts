import { type ErrorCode, type ErrorWhere, ZeekwayError } from '../core/errors.js';
import { REPLAY_WARNINGS } from '../core/limits.js';
import type { Item } from '../zeek/item.js';

interface Warning {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where: ErrorWhere;
  times: number;
}

/** What was read and what was wrong. Grows while the items are read. */
export class ReplayReport {
  /** Packets of a capture. */
  packets = 0;
  /** Lines of a log file, its header among them. */
  lines = 0;
  /** TCP connections, whatever they carried. */
  connections = 0;
  /** Connections that were a readable Broker peering, or carried messages of a ZeroMQ cluster. */
  sessions = 0;
  /** What was sent on those: handshake messages and envelopes; greetings, commands and messages. */
  messages = 0;
  /** Envelopes of data stores among them. */
  commands = 0;
  /** ZeroMQ messages among them that another connection had brought already, on the way to or from the proxy. */
  copies = 0;
  /** Log records handed over. */
  records = 0;
  /** Events handed over. */
  events = 0;
  /** What was handed over as a dead letter. */
  deadLetters = 0;
  /** Why the first of them is one. */
  firstDeadLetter: string | undefined;
  /** How often each kind of warning came, also of those no longer kept. */
  readonly warningCounts = new Map<ErrorCode, number>();
  private readonly kept = new Map<string, Warning>();
  private readonly keptOfCode = new Map<ErrorCode, number>();

  constructor(private readonly file: string) {}

  /** Counts what is handed over. */
  count(items: readonly Item[]): void {
    for (const item of items) {
      if (item.kind === 'log') this.records += 1;
      else if (item.kind === 'event') this.events += 1;
      else if (item.kind === 'dead-letter') {
        this.deadLetters += 1;
        this.firstDeadLetter ??= item.reason;
      }
    }
  }

  /** Notes a warning; of each kind once for each `subject` (a connection), with how often it came. */
  warn(code: ErrorCode, subject: string, message: string, where: ErrorWhere = {}): void {
    this.warningCounts.set(code, (this.warningCounts.get(code) ?? 0) + 1);
    const key = `${code} ${subject}`;
    const known = this.kept.get(key);
    if (known) {
      known.times += 1;
      return;
    }
    const kept = this.keptOfCode.get(code) ?? 0;
    if (kept >= REPLAY_WARNINGS) return;
    this.keptOfCode.set(code, kept + 1);
    this.kept.set(key, { code, message, where, times: 1 });
  }

  /** The warnings so far, in the order in which they first came; at most REPLAY_WARNINGS of each kind. */
  get warnings(): ZeekwayError[] {
    return [...this.kept.values()].map(({ code, message, where, times }) => {
      const more = times > 1 ? ` (and ${times - 1} more like it)` : '';
      return new ZeekwayError(code, `${this.file}: ${message}${more}`, { ...where, file: this.file });
    });
  }
}
