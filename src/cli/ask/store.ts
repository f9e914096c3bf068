import { styleText } from 'node:util';
import { ZeekwayError } from '../../core/errors.js';
import type { ShownChange } from '../../http/stores.js';
import { tableOf } from '../table.js';
import { Api, type ApiOptions, type Parameters } from './api.js';
import { type Asking, time, write } from './asking.js';

/** The commands of `zeekway store`. Each returns the exit code. */

export interface StoreFlags extends ApiOptions {
  readonly output: 'text' | 'json';
}

export interface PutFlags extends StoreFlags {
  readonly expiry?: string;
  readonly unique: boolean;
}

export interface ChangeFlags extends StoreFlags {
  readonly index?: string;
  readonly expiry?: string;
}

interface Entry {
  readonly key: string;
  readonly value: string;
  readonly expires?: string;
}

interface ListedStore {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly entries: number;
  readonly peers: readonly string[];
  readonly pending: number;
}

const entriesPath = (store: string): string => `/v1/stores/${encodeURIComponent(store)}/entries`;
const entryPath = (store: string, key: string): string => `${entriesPath(store)}/${encodeURIComponent(key)}`;

const json = (asking: Asking, value: unknown): Promise<void> =>
  write(asking.stdout, `${JSON.stringify(value)}\n`);

const KEEP = (text: string): string => text;

function keyStyle({ isColoured }: Asking): (text: string) => string {
  return isColoured ? (text) => styleText('cyan', text) : KEEP;
}

/** `zeekway store list`. */
export async function listStores(flags: StoreFlags, asking: Asking): Promise<number> {
  const { stores } = await new Api(flags, asking.signal).json<{ stores: ListedStore[] }>('/v1/stores');
  if (flags.output === 'json') for (const store of stores) await json(asking, store);
  else {
    const rows = stores.map(({ name, role, state, entries, peers, pending }) =>
      [name, role, state, entries, pending, peers.join(' ')].map(String),
    );
    await write(
      asking.stdout,
      `${tableOf(['store', 'role', 'state', 'entries', 'pending', 'peers'], rows, [3, 4])}\n`,
    );
  }
  return 0;
}

/** Every entry, or key, a page at a time. */
async function* all<T>(api: Api, path: string, part: 'entries' | 'keys'): AsyncGenerator<T> {
  let after: string | undefined;
  do {
    const page: { [K in typeof part]: T[] } & { after?: string } = await api.json(path, {
      limit: '1000',
      after,
    });
    yield* page[part];
    after = page.after;
  } while (after !== undefined);
}

/** `zeekway store keys`. */
export async function storeKeys(store: string, flags: StoreFlags, asking: Asking): Promise<number> {
  const path = `/v1/stores/${encodeURIComponent(store)}/keys`;
  for await (const key of all<string>(new Api(flags, asking.signal), path, 'keys')) {
    await write(asking.stdout, `${flags.output === 'json' ? JSON.stringify(key) : key}\n`);
  }
  return 0;
}

/** `zeekway store get`: the value of a key, or all entries. */
export async function storeGet(
  store: string,
  key: string | undefined,
  flags: StoreFlags,
  asking: Asking,
): Promise<number> {
  const api = new Api(flags, asking.signal);
  if (key !== undefined) {
    const entry = await api.json<Entry>(entryPath(store, key));
    await (flags.output === 'json' ? json(asking, entry) : write(asking.stdout, `${entry.value}\n`));
    return 0;
  }
  const styled = keyStyle(asking);
  for await (const entry of all<Entry>(api, entriesPath(store), 'entries')) {
    if (flags.output === 'json') await json(asking, entry);
    else await write(asking.stdout, `${styled(entry.key)} = ${entry.value}\n`);
  }
  return 0;
}

/** `zeekway store put`: 1 where `--unique` found an entry. */
export async function storePut(
  store: string,
  [key, value]: readonly [key: string, value: string],
  { expiry, unique, ...flags }: PutFlags,
  asking: Asking,
): Promise<number> {
  const headers = unique ? { 'if-none-match': '*' } : {};
  const body = { value, ...(expiry === undefined ? {} : { expiry }) };
  try {
    await new Api(flags, asking.signal).change('PUT', entryPath(store, key), body, headers);
  } catch (error) {
    if (!(error instanceof ZeekwayError && error.code === 'store_key_exists')) throw error;
    asking.terminal.err(`zeekway: ${error.message}`);
    return 1;
  }
  return 0;
}

/** `zeekway store change`. */
export async function storeChange(
  store: string,
  {
    key,
    operation,
    value,
  }: { readonly key: string; readonly operation: string; readonly value: string | undefined },
  { index, expiry, ...flags }: ChangeFlags,
  asking: Asking,
): Promise<number> {
  const body = { operation, value, index, expiry };
  await new Api(flags, asking.signal).change('PATCH', entryPath(store, key), body);
  return 0;
}

/** `zeekway store erase`. */
export async function storeErase(
  store: string,
  key: string,
  flags: StoreFlags,
  asking: Asking,
): Promise<number> {
  await new Api(flags, asking.signal).change('DELETE', entryPath(store, key));
  return 0;
}

export interface HistoryFlags extends StoreFlags {
  readonly at?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
}

interface Version {
  readonly key: string;
  readonly value: string;
  readonly since: string;
  readonly until?: string;
  readonly ended?: string;
}

/** `zeekway store history`: newest first; with `--at` what the store held then. */
export async function storeHistory(
  store: string,
  key: string | undefined,
  { at, since, until, limit = Number.POSITIVE_INFINITY, ...flags }: HistoryFlags,
  asking: Asking,
): Promise<number> {
  const api = new Api(flags, asking.signal);
  const styled = keyStyle(asking);
  let path: string | undefined = `/v1/stores/${encodeURIComponent(store)}/history`;
  let parameters: Parameters = { key, at: time(at), from: time(since), to: time(until), limit: '1000' };
  let left = limit;
  while (path !== undefined && left > 0) {
    const page: { versions: Version[]; next?: string } = await api.json(path, parameters);
    for (const version of page.versions.slice(0, left)) {
      if (flags.output === 'json') await json(asking, version);
      else await write(asking.stdout, `${versionLine(version, styled)}\n`);
    }
    left -= page.versions.length;
    path = page.next;
    parameters = {};
  }
  return 0;
}

function versionLine({ key, value, since, until, ended }: Version, styled: (text: string) => string): string {
  return `${since} ${until ?? 'now'} ${ended ?? ''} ${styled(key)} = ${value}`.replace('  ', ' ');
}

/** `zeekway store watch`: until the signal aborts. */
export async function storeWatch(store: string, flags: StoreFlags, asking: Asking): Promise<number> {
  const api = new Api(flags, asking.signal);
  const styled = keyStyle(asking);
  try {
    const response = await api.get(`/v1/stores/${encodeURIComponent(store)}/watch`);
    for await (const { event, data } of api.events(response)) {
      if (event === 'gap') {
        asking.terminal.err(`zeekway: ${JSON.parse(data).dropped} changes are missing here`);
      } else if (flags.output === 'json') await write(asking.stdout, `${data}\n`);
      else await write(asking.stdout, `${changeLine(JSON.parse(data), styled)}\n`);
    }
  } catch (error) {
    if (asking.signal.aborted) return 0;
    throw error;
  }
  throw new ZeekwayError('api_unexpected', `${flags.api}: the gateway ended the watch`);
}

function changeLine(change: Exclude<ShownChange, { type: 'gap' }>, styled: (text: string) => string): string {
  const { type, key, value } = change;
  return `${type.padEnd(6)} ${styled(key)}${value === undefined ? '' : ` = ${value}`}`;
}
