import { DEAD_LETTER_KINDS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import type { DeadLetterItem } from '../zeek/item.js';

/** One kind of dead letters: a code, from one peer, about one stream or event. */
export interface DeadLetterKind {
  readonly code: DeadLetterItem['code'];
  /** The peer's ID, or the file's name. */
  readonly peer: string;
  readonly subject: string;
  readonly count: number;
}

/** What counts all kinds that come when there are too many. */
const OTHERS = '(others)';

/** Says once of each kind of dead letters that there are such, and counts the rest. */
export class DeadLetterLog {
  private readonly kinds = new Map<string, DeadLetterKind>();

  constructor(private readonly logger: Logger) {}

  add({ code, origin, subject, reason, topic }: DeadLetterItem): void {
    const peer = origin.peer === '' ? origin.name : origin.peer;
    const own = JSON.stringify([code, peer, subject]);
    const isKept = this.kinds.has(own) || this.kinds.size < DEAD_LETTER_KINDS;
    const key = isKept ? own : OTHERS;
    const kind = this.kinds.get(key) ?? { code, peer, subject: isKept ? subject : OTHERS, count: 0 };
    if (kind.count === 0) {
      this.logger.warn({ code, peer, subject, topic }, `kept aside in the dead letters: ${reason}`);
    }
    this.kinds.set(key, { ...kind, count: kind.count + 1 });
  }

  snapshot(): DeadLetterKind[] {
    return [...this.kinds.values()];
  }
}
