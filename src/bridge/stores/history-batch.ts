import { formatTimestamp } from '../../codec/time.js';
import type { Value } from '../../codec/value.js';
import { encodeValue } from '../../codec/value-binary.js';
import type {
  HistoryChanges,
  HistoryClose,
  HistoryEnd,
  HistoryVersion,
} from '../../storage/store-history.js';
import type { StoreEntry } from '../../store/backend.js';
import { formsOf, keyId } from './forms.js';

/** A change of a mirrored store, and when it came: nanoseconds since the Unix epoch. */
export interface MirroredChange {
  readonly store: string;
  readonly type: 'insert' | 'update' | 'erase' | 'expire';
  readonly key: Value;
  /** Of an `insert` or `update`. */
  readonly value?: Value;
  readonly publisher: string;
  readonly time: bigint;
}

const END: { readonly [T in MirroredChange['type']]: HistoryEnd } = {
  // What was there before was not known to end.
  insert: 'unknown',
  update: 'updated',
  erase: 'erased',
  expire: 'expired',
};

const timeText = (nanos: bigint): string => `${formatTimestamp(nanos)}Z`;

type OpenVersion = { -readonly [K in keyof HistoryVersion]: HistoryVersion[K] };

/** What changes add to the history, by store. */
export function historyOf(changes: readonly MirroredChange[]): HistoryChanges[] {
  const stores = [...new Set(changes.map(({ store }) => store))];
  return stores.map((store) => ({
    store,
    ...historyOfStore(changes.filter((change) => change.store === store)),
  }));
}

function historyOfStore(changes: readonly MirroredChange[]): Omit<HistoryChanges, 'store'> {
  const closed: HistoryClose[] = [];
  const opened: OpenVersion[] = [];
  /** By key: the version that these changes opened last; undefined where the last thing was an end. */
  const latest = new Map<string, OpenVersion | undefined>();
  for (const change of changes) {
    const id = keyId(encodeValue(change.key));
    const name = id.toString('latin1');
    const end = { until: timeText(change.time), why: END[change.type] };
    const before = latest.get(name);
    if (before) before.end = end;
    // The first change of a key ends what the history has of it.
    else if (!latest.has(name)) closed.push({ id, ...end });
    latest.set(name, undefined);
    if (change.value === undefined) continue;
    const version: OpenVersion = {
      id,
      key: formsOf(change.key),
      value: formsOf(change.value),
      since: end.until,
      publisher: change.publisher,
    };
    opened.push(version);
    latest.set(name, version);
  }
  return { closed, opened };
}

/**
 * What a whole content adds to a history that has another one.
 * @param current the bytes of each value, by the key's ID in hex. Emptied.
 */
export function historyOfContent(
  entries: readonly Pick<StoreEntry, 'key' | 'value'>[],
  time: bigint,
  current: Map<string, Buffer>,
): Omit<HistoryChanges, 'store'> {
  const closed: HistoryClose[] = [];
  const opened: HistoryVersion[] = [];
  const now = timeText(time);
  for (const { key, value } of entries) {
    const id = keyId(encodeValue(key));
    const known = current.get(id.toString('hex'));
    current.delete(id.toString('hex'));
    if (known?.equals(encodeValue(value))) continue;
    if (known) closed.push({ id, until: now, why: 'unknown' });
    opened.push({ id, key: formsOf(key), value: formsOf(value), since: now });
  }
  for (const id of current.keys()) closed.push({ id: Buffer.from(id, 'hex'), until: now, why: 'unknown' });
  current.clear();
  return { closed, opened };
}
