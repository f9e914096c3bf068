import type { Clock } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { DOOR_LINGER_MS, DOOR_TOPICS, DOOR_TOPICS_BYTES } from '../core/limits.js';

interface Use {
  clients: number;
  /** When the last client left. */
  leftAt: number;
}

/** The topic prefixes that clients want or wanted a short time ago. */
export class Interest {
  private readonly uses = new Map<string, Use>();
  private bytes = 0;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  get topics(): string[] {
    return [...this.uses.keys()];
  }

  /** Adds one client's topics, each once. Throws `too_many_topics`, and adds none then. */
  add(topics: readonly string[]): void {
    const added = topics.filter((topic) => !this.uses.has(topic));
    const bytes = added.reduce((sum, topic) => sum + Buffer.byteLength(topic), 0);
    if (this.uses.size + added.length > DOOR_TOPICS || this.bytes + bytes > DOOR_TOPICS_BYTES) {
      const room = `${DOOR_TOPICS} topics of ${DOOR_TOPICS_BYTES} bytes`;
      throw new ZeekwayError('too_many_topics', `all clients together want more than ${room}`);
    }
    this.bytes += bytes;
    for (const topic of topics) {
      const use = this.uses.get(topic);
      if (use) use.clients += 1;
      else this.uses.set(topic, { clients: 1, leftAt: 0 });
    }
  }

  /** The client that added these has left. */
  remove(topics: readonly string[]): void {
    for (const topic of topics) {
      const use = this.uses.get(topic);
      if (!use) continue;
      use.clients -= 1;
      use.leftAt = this.clock.now();
    }
  }

  /** Forgets what nobody has wanted for DOOR_LINGER_MS. @returns whether there was something. */
  sweep(): boolean {
    const before = this.uses.size;
    for (const [topic, { clients, leftAt }] of this.uses) {
      if (clients > 0 || this.clock.now() - leftAt < DOOR_LINGER_MS) continue;
      this.uses.delete(topic);
      this.bytes -= Buffer.byteLength(topic);
    }
    return this.uses.size < before;
  }
}
