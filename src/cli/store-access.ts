import { keyId } from '../bridge/stores/forms.js';
import type { Value } from '../codec/value.js';
import { encodeValue } from '../codec/value-binary.js';
import { ZeekwayError } from '../core/errors.js';
import type { ShownChange, ShownEntry, StoreAccess, StoreOperation } from '../http/stores.js';
import type { Endpoint } from '../peer/endpoint.js';
import type { StoreEvent } from '../protocol/store/outputs.js';
import type { Store, WriteOptions } from '../store/store.js';
import { parseNotation } from '../zeek/notation/parse.js';
import { printNotation } from '../zeek/notation/print.js';

/** What the HTTP API can do with the data stores of an endpoint. */
export function storeAccess(endpoint: Pick<Endpoint, 'store' | 'storeStatus'>): StoreAccess {
  const storeOf = (name: string): Store => {
    const store = endpoint.store(name);
    if (store) return store;
    throw new ZeekwayError('not_found', `this endpoint has no store ${name}`);
  };
  return {
    list: () =>
      endpoint
        .storeStatus()
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ peers, ...rest }) => ({ ...rest, peers: [...new Set(peers.map((peer) => peer.endpoint))] })),
    entries: async (name, { after, limit }) => {
      const entries = await storeOf(name).entries();
      const start = after === undefined ? 0 : placeOf(entries, after, name) + 1;
      return entries.slice(start, start + limit).map(shownEntry);
    },
    get: async (name, key) => {
      const entry = await storeOf(name).entry(parseNotation(key));
      return entry && shownEntry(entry);
    },
    put: async (name, key, { value, expiry, unique }) => {
      const store = storeOf(name);
      const parts = [parseNotation(key), parseNotation(value), options(expiry)] as const;
      if (unique) return store.putUnique(...parts);
      await store.put(...parts);
      return true;
    },
    change: (name, key, operation) => change(storeOf(name), parseNotation(key), operation),
    erase: async (name, key) => {
      const store = storeOf(name);
      const value = parseNotation(key);
      const wasThere = await store.has(value);
      if (wasThere) await store.erase(value);
      return wasThere;
    },
    keyId: (key) => keyId(encodeValue(parseNotation(key))).toString('hex'),
    watch: (name) => shownChanges(storeOf(name)),
  };
}

function placeOf(entries: readonly { readonly key: Value }[], after: string, store: string): number {
  // As it was printed, and not as it is parsed: nothing is lost by either, and this is what a page ended with.
  const place = entries.findIndex(({ key }) => printNotation(key) === after);
  if (place >= 0) return place;
  throw new ZeekwayError('request_invalid', `the store ${store} has no entry ${after} any more: begin again`);
}

function options(expiry: string | undefined): WriteOptions {
  if (expiry === undefined) return {};
  const value = parseNotation(expiry);
  if (value.type === 'timespan' && value.value > 0n) return { expiry: value.value };
  throw new ZeekwayError(
    'notation_invalid',
    `expected an interval like 10min as the expiry, found ${expiry}`,
  );
}

const needed = (text: string | undefined, operation: string): Value => {
  if (text !== undefined) return parseNotation(text);
  throw new ZeekwayError('request_invalid', `"value" is needed for ${operation}`);
};

async function change(
  store: Store,
  key: Value,
  { operation, value, index, expiry }: StoreOperation,
): Promise<void> {
  const lives = options(expiry);
  if (operation === 'pop') return store.pop(key, lives);
  const operand = needed(value, operation);
  switch (operation) {
    case 'increment':
      return store.increment(key, operand, lives);
    case 'decrement':
      return store.decrement(key, operand, lives);
    case 'append':
      if (operand.type === 'string') return store.append(key, operand.value, lives);
      throw new ZeekwayError('store_type_clash', `a ${operand.type} cannot be appended to text`);
    case 'insert':
      if (index === undefined) return store.insertIntoSet(key, operand, lives);
      return store.insertIntoTable(key, parseNotation(index), operand, lives);
    case 'remove':
      return store.removeFrom(key, operand, lives);
    case 'push':
      return store.push(key, operand, lives);
  }
}

const shownEntry = ({
  key,
  value,
  expires,
}: {
  key: Value;
  value: Value;
  expires?: bigint | undefined;
}): ShownEntry => ({
  key: printNotation(key),
  value: printNotation(value),
  ...(expires === undefined ? {} : { expires }),
});

function shownChange(event: StoreEvent): Exclude<ShownChange, { type: 'gap' }> {
  return {
    type: event.type,
    key: printNotation(event.key),
    ...('value' in event ? { value: printNotation(event.value) } : {}),
    ...('old' in event ? { old: printNotation(event.old) } : {}),
    publisher: event.publisher.endpoint,
  };
}

function shownChanges(store: Store): AsyncIterableIterator<ShownChange> {
  const changes = store.changes();
  return {
    next: async () => {
      const result = await changes.next();
      if (result.done) return { done: true, value: undefined };
      return { value: result.value.type === 'gap' ? result.value : shownChange(result.value) };
    },
    return: async () => {
      await changes.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
