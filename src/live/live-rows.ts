import { columnSpecs } from '../bridge/columns.js';
import { type FlowFields, flowFields, recordCommunityId } from '../bridge/community-id.js';
import { DecodeError } from '../codec/bytes.js';
import { decodeLogRecord, type LogValue } from '../codec/log-record.js';
import { ZeekwayError } from '../core/errors.js';
import type { Expression, FilterColumn } from '../filter/expression.js';
import { makePredicate, type Predicate } from '../filter/predicate.js';
import type { ColumnSpec } from '../storage/log-tables.js';
import type { Item, LogItem } from '../zeek/item.js';
import type { LogSchema } from '../zeek/log-schema.js';
import { type Json, originJson, receivedMicros, timeJson, valueJson } from './row-json.js';

/** What somebody wants to see of the rows that come. */
export interface Watch {
  /** The log's path. */
  readonly path: string;
  /** The columns of the log when the watch began: what the filter was checked against, and their keys in rows. */
  readonly columns: readonly (FilterColumn & { readonly key: string })[];
  readonly filter: Expression | undefined;
  /** The keys to show; all, and those of fields that come later, where it is left out. */
  readonly keys?: ReadonlySet<string> | undefined;
  /** @param row JSON of one row. @returns whether there was room for it. */
  readonly deliver: (row: string) => boolean;
}

/** A watch, and what was made of it for a schema. */
interface Watcher {
  readonly watch: Watch;
  readonly passes: Predicate | undefined;
  readonly plans: WeakMap<LogSchema, Plan>;
}

/** Where the columns of a watch are in the records of a schema. */
interface Plan {
  readonly index: ReadonlyMap<string, number>;
  /** Of each field the key in rows; `undefined` where it is not shown. */
  readonly keys: readonly (string | undefined)[];
}

/**
 * Rows of logs on their way into the database, for those who watch. Records of a log that nobody watches cost nothing;
 * others are decoded once for all watchers.
 */
export class LiveRows {
  /** Rows that were delivered, and those that there was no room for, since the start. */
  readonly counts = { delivered: 0, dropped: 0 };
  private readonly byPath = new Map<string, Set<Watcher>>();

  /** How many there are. */
  get watchers(): number {
    return [...this.byPath.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** @returns what ends it. */
  watch(watch: Watch): () => void {
    const watcher: Watcher = {
      watch,
      passes: watch.filter && makePredicate(watch.filter),
      plans: new WeakMap(),
    };
    const ofPath = this.byPath.get(watch.path) ?? new Set();
    this.byPath.set(watch.path, ofPath.add(watcher));
    return () => {
      ofPath.delete(watcher);
      if (ofPath.size === 0 && this.byPath.get(watch.path) === ofPath) this.byPath.delete(watch.path);
    };
  }

  /** Shows items to whoever watches. A record that cannot be decoded is the bridge's to tell of. */
  offer(items: readonly Item[]): void {
    if (this.byPath.size === 0) return;
    for (const item of items) {
      if (item.kind !== 'log') continue;
      const watchers = this.byPath.get(item.schema.path);
      if (watchers !== undefined) this.show(item, watchers);
    }
  }

  private show(item: LogItem, watchers: ReadonlySet<Watcher>): void {
    const values = decoded(item);
    if (values === undefined) return;
    for (const watcher of watchers) {
      const plan = planOf(watcher, item.schema);
      if (plan.keys.length !== values.length) continue;
      const read = ({ column }: FilterColumn): LogValue | undefined => {
        if (column === '_received')
          return { type: 'time', value: Number(receivedMicros(item.received)) / 1e6 };
        const at = plan.index.get(column);
        return at === undefined ? undefined : values[at];
      };
      if (watcher.passes !== undefined && !watcher.passes(read)) continue;
      const isTaken = watcher.watch.deliver(JSON.stringify(rowJson(item, values, plan, watcher.watch)));
      this.counts[isTaken ? 'delivered' : 'dropped'] += 1;
    }
  }
}

/** Looked for once for each schema, and not for each record. */
const flows = new WeakMap<LogSchema, FlowFields | null>();

function flowOf(schema: LogSchema): FlowFields | null {
  let flow = flows.get(schema);
  if (flow === undefined) {
    flow = flowFields(schema.stream, schema.fields) ?? null;
    flows.set(schema, flow);
  }
  return flow;
}

/** Its values; `undefined` for a record that becomes a dead letter. */
function decoded({ schema, serial }: LogItem): LogValue[] | undefined {
  try {
    const values = decodeLogRecord(serial);
    if (values.length !== schema.fields.length) return undefined;
    const flow = flowOf(schema);
    return flow ? [...values, idValue(recordCommunityId((field) => values[field], flow))] : values;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

const idValue = (id: string | undefined): LogValue =>
  id === undefined ? { type: 'string', subtype: 'void', absent: true } : { type: 'string', value: id };

/** The columns of a schema; none for one that the bridge refuses. */
function storableSpecs(schema: LogSchema): ColumnSpec[] {
  try {
    return columnSpecs(schema);
  } catch (error) {
    if (error instanceof ZeekwayError) return [];
    throw error;
  }
}

function planOf({ watch, plans }: Watcher, schema: LogSchema): Plan {
  const known = plans.get(schema);
  if (known) return known;
  const index = new Map<string, number>();
  const keys = storableSpecs(schema).map(({ field, sqlType }, at) => {
    const column = watch.columns.find((one) => one.field === field && one.sqlType === sqlType);
    if (column) index.set(column.column, at);
    const key = column?.key ?? field;
    return watch.keys === undefined || watch.keys.has(key) ? key : undefined;
  });
  const plan = { index, keys };
  plans.set(schema, plan);
  return plan;
}

function rowJson(item: LogItem, values: readonly LogValue[], { keys }: Plan, watch: Watch): Json {
  // Without a prototype: a field may be named `__proto__`.
  const row: { [key: string]: Json } = Object.create(null);
  keys.forEach((key, at) => {
    const value = values[at];
    const json = key === undefined || value === undefined ? undefined : valueJson(value);
    if (key !== undefined && json !== undefined) row[key] = json;
  });
  if (watch.keys?.has('_received') ?? true) row['_received'] = timeJson(receivedMicros(item.received));
  if (watch.keys?.has('_source') ?? true) row['_source'] = originJson(item.origin);
  return row;
}
