import { createHash } from 'node:crypto';
import { DecodeError } from '../codec/bytes.js';
import { encodeValue } from '../codec/value-binary.js';
import type { Logger } from '../core/logger.js';
import { Interpreter } from '../zeek/interpreter.js';
import type { Item, SchemaItem } from '../zeek/item.js';
import type { LogSchema } from '../zeek/log-schema.js';
import { logCreateMessage } from '../zeek/message.js';
import { readGroup, type SpoolEntry, type SpoolSource } from './entry.js';
import type { Group, Spool } from './spool.js';
import type { StateChange } from './store-worker.js';

/** A change of the state, and the entry that made it. */
interface Change {
  readonly entry: number;
  readonly change: StateChange;
}

/**
 * Reads the entries of a spool as items. Each source has an interpreter, which knows the logs that its peer announced.
 * What it knows at the first entry that stays in the spool is stored with it: announcements are older than the
 * records that need them, and long since released.
 *
 * The names of the state: `source/N/origin` and `source/N/log/DIGEST`, N being the number of the source.
 */
export class SpoolReader {
  private readonly interpreters = new Map<number, Interpreter>();
  private readonly changes: Change[] = [];

  constructor(
    private readonly spool: Spool,
    private readonly logger: Logger,
  ) {
    const parts = [...spool.state].map(([name, text]) => ({ name: name.split('/'), text }));
    for (const { name, text } of parts) {
      const [kind, source, what] = name;
      if (kind === 'source' && what === 'origin') this.addSource(Number(source), JSON.parse(text));
    }
    for (const { name, text } of parts) {
      const [kind, source, what] = name;
      if (kind !== 'source' || what !== 'log') continue;
      this.interpreterOf(Number(source)).interpret('', Buffer.from(text, 'base64'), 0n);
    }
  }

  /**
   * The items of each entry from one on; those before it are read for what they announce. Ends when the spool is
   * finished and all is read.
   */
  async *items(from: number): AsyncGenerator<readonly Item[], void> {
    for await (const group of this.spool.groups()) {
      let entry = group.first;
      try {
        for (const content of readGroup(group.content)) {
          if (entry === this.spool.firstNew) this.forgetFormer(entry);
          const items = this.read(content, entry);
          if (entry >= from) yield items;
          entry += 1;
        }
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.tellDamage(group, entry, error);
        // The numbers go on: whoever counts the entries must not get out of step.
        for (; entry < group.end; entry++) if (entry >= from) yield [];
      }
      // Nobody else does: what was stored before is not stored again.
      if (group.end <= from) this.release(group.end);
    }
  }

  /** Tells the spool that all before an entry is stored. */
  release(entry: number): void {
    this.spool.release(entry, (first) => this.takeChanges(first));
  }

  private addSource(source: number, origin: SpoolSource): void {
    this.interpreters.set(source, new Interpreter({ kind: 'live', ...origin }));
  }

  private interpreterOf(source: number): Interpreter {
    // A source is unknown when the entry that began it was damaged.
    if (!this.interpreters.has(source)) this.addSource(source, { peer: '', name: 'unknown' });
    return this.interpreters.get(source) as Interpreter;
  }

  private read(content: SpoolEntry, entry: number): readonly Item[] {
    const { source } = content;
    switch (content.kind) {
      case 'begin':
        this.addSource(source, content.origin);
        this.storeOrigin(source, entry);
        return [];
      case 'message':
        return this.interpret(source, content, entry);
      case 'end':
        this.interpreters.delete(source);
        this.changes.push({ entry, change: { name: `source/${source}/` } });
        return [];
    }
  }

  private interpret(
    source: number,
    { topic, payload, received, format }: Extract<SpoolEntry, { kind: 'message' }>,
    entry: number,
  ): readonly Item[] {
    const interpreter = this.interpreterOf(source);
    const before = interpreter.origin;
    const items = interpreter.interpret(topic, payload, received, format);
    if (interpreter.origin !== before) this.storeOrigin(source, entry);
    for (const item of items) if (item.kind === 'schema') this.storeLog(source, item, entry);
    return items;
  }

  private storeOrigin(source: number, entry: number): void {
    const { kind: _, ...origin } = this.interpreterOf(source).origin;
    this.changes.push({ entry, change: { name: `source/${source}/origin`, text: JSON.stringify(origin) } });
  }

  private storeLog(source: number, { schema }: SchemaItem, entry: number): void {
    const text = encodeValue(logCreateMessage(schema)).toString('base64');
    this.changes.push({ entry, change: { name: `source/${source}/log/${digest(schema)}`, text } });
  }

  /** Nothing of an earlier run comes any more. */
  private forgetFormer(entry: number): void {
    for (const source of this.interpreters.keys()) {
      if (source >= entry) continue;
      this.interpreters.delete(source);
      this.changes.push({ entry, change: { name: `source/${source}/` } });
    }
  }

  private takeChanges(first: number): StateChange[] {
    const until = this.changes.findIndex(({ entry }) => entry >= first);
    return this.changes.splice(0, until < 0 ? this.changes.length : until).map(({ change }) => change);
  }

  private tellDamage({ end }: Group, entry: number, error: DecodeError): void {
    this.logger.error(
      { code: 'spool_damaged', entry },
      `the spool is damaged: entries ${entry} to ${end - 1} are lost: ${error.message}`,
    );
  }
}

const digest = ({ stream, writer, path }: LogSchema): string =>
  createHash('sha256')
    .update(JSON.stringify([stream, writer, path]))
    .digest('hex')
    .slice(0, 32);
