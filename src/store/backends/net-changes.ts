import { INT64_MAX } from '../../codec/bytes.js';
import { encodeValue } from '../../codec/value-binary.js';
import type { StoreChange, StoreEntry } from '../backend.js';

/** A put whose key and value are the bytes that a back end keeps. */
export interface NetPut extends StoreEntry {
  readonly keyBytes: Uint8Array;
  readonly valueBytes: Uint8Array;
}

/** What several changes come to: at most one for each key, so that their order is of no matter. */
export interface NetChanges {
  /** Whether all that was there before goes first. */
  readonly isCleared: boolean;
  readonly erased: readonly Uint8Array[];
  readonly puts: readonly NetPut[];
}

/** The last change of each key; nothing survives a `clear` behind it. An expiry after 2262 is at the end of int64. */
export function netChanges(changes: readonly StoreChange[]): NetChanges {
  const last = new Map<string, Uint8Array | NetPut>();
  let isCleared = false;
  for (const change of changes) {
    if (change.type === 'clear') {
      isCleared = true;
      last.clear();
      continue;
    }
    const keyBytes = encodeValue(change.key);
    const id = keyBytes.toString('latin1');
    if (change.type === 'erase') last.set(id, keyBytes);
    else {
      const { key, value, expires } = change;
      const inRange = expires !== undefined && expires > INT64_MAX ? INT64_MAX : expires;
      last.set(id, { key, value, expires: inRange, keyBytes, valueBytes: encodeValue(value) });
    }
  }
  const erased: Uint8Array[] = [];
  const puts: NetPut[] = [];
  for (const one of last.values()) {
    if (one instanceof Uint8Array) erased.push(one);
    else puts.push(one);
  }
  return { isCleared, erased, puts };
}
