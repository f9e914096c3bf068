import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { Bridge, type BridgeOptions } from '../../src/bridge/bridge.js';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import type { Database } from '../../src/storage/database.js';
import type { Item, Origin } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { field, keepingLogger, logItem, schemaOf, systemClock } from './support.js';

/** A log of numbers, to see that each row arrives once and in its place. */

export const FIELDS = [field('n', 'count'), field('s', 'string')];
export const SCHEMA = schemaOf('numbers', FIELDS);

export const record = (n: number, text = `text ${n}`): Buffer =>
  encodeLogRecord([
    { type: 'count', value: BigInt(n) },
    { type: 'string', value: text },
  ]);

export const numbers = (from: Origin, first: number, size: number, schema: LogSchema = SCHEMA): Item[] =>
  Array.from({ length: size }, (_, index) => logItem(schema, record(first + index), from));

export async function* messages(...items: readonly (readonly Item[])[]): AsyncGenerator<readonly Item[]> {
  yield* items;
}

/** A source that one feeds by hand. */
export function handFed() {
  const queue: (readonly Item[])[] = [];
  let wake = (): void => {};
  let isOver = false;
  return {
    push(items: readonly Item[]): void {
      queue.push(items);
      wake();
    },
    end(): void {
      isOver = true;
      wake();
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<readonly Item[]> {
      for (;;) {
        const items = queue.shift();
        if (items !== undefined) yield items;
        else if (isOver) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** A bridge that ends with the test, also with one that failed. */
export function makeBridge(t: ExecutionContext, db: Database, options: Partial<BridgeOptions> = {}) {
  const logger = keepingLogger();
  const bridge = new Bridge({ db, writerId: randomUUID(), logger, clock: systemClock, ...options });
  t.teardown(() => bridge.close({ deadlineMs: 0 }).catch(() => {}));
  return { bridge, logger };
}

/** The first column of what a query gives. */
export async function column(db: Database, query: string): Promise<unknown[]> {
  const { rows } = await db.pool.query({ text: query, rowMode: 'array' });
  return rows.map((row: unknown[]) => row[0]);
}

/** Waits until something holds; returns how many milliseconds that took. */
export async function until(
  t: ExecutionContext,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<number> {
  const begin = performance.now();
  while (!(await holds())) {
    if (performance.now() - begin > withinMs) {
      t.fail(`not within ${withinMs} ms`);
      return withinMs;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - begin;
}
