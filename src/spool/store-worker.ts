import { type Database, open as openDatabase } from 'lmdb';
import { SPOOL_MAPPED_BYTES } from '../core/limits.js';

/**
 * The spool's file, an LMDB environment, in a thread of its own: a slow disk keeps nobody else waiting, and (other
 * than LMDB's asynchronous calls) its synchronous ones survive a full disk. The store calls these functions one at
 * a time.
 */

/** A stored group. The key says all about it, so that opening a spool reads no content. */
export interface GroupKey {
  readonly first: number;
  /** The number of the first entry behind it. */
  readonly end: number;
  readonly bytes: number;
  /** When it was stored, milliseconds since the Unix epoch. */
  readonly at: number;
}

/** The state at the first stored entry: texts by a name of their owner's. */
export interface StateChange {
  readonly name: string;
  /** Left out, the state of this name is removed; one that ends in `/` stands for all names behind it. */
  readonly text?: string;
}

export interface Change {
  readonly group?: GroupKey & { readonly content: Uint8Array };
  readonly removed: readonly GroupKey[];
  readonly state: readonly StateChange[];
}

export interface Content {
  readonly id: string;
  readonly groups: GroupKey[];
  readonly state: { readonly name: string; readonly text: string }[];
}

interface Opened {
  readonly path: string;
  readonly mapBytes: number;
  db: Database<Buffer, Key>;
  /** Bytes that were read through the map. */
  mapped: number;
}

type Key = (string | number)[];

const GROUP = 'group';
const STATE = 'state';
const ID: Key = ['id'];
/** Behind every number and name of a key. */
const LAST = '\uffff';

let opened: Opened | undefined;

function openMap(path: string, mapBytes: number): Database<Buffer, Key> {
  return openDatabase<Buffer, Key>({
    path,
    encoding: 'binary',
    compression: false,
    mapSize: mapBytes,
    maxReaders: 8,
    noMemInit: true,
    // A commit returns when it is on the disk.
    overlappingSync: false,
  });
}

function current(): Opened {
  if (!opened) throw new Error('the spool is not open');
  return opened;
}

const keyOf = ({ first, end, bytes, at }: GroupKey): Key => [GROUP, first, end, bytes, at];

/** Opens or makes the file. @param newId its identity where it is new. */
export function open({ path, mapBytes, newId }: { path: string; mapBytes: number; newId: string }): Content {
  const db = openMap(path, mapBytes);
  opened = { path, mapBytes, db, mapped: 0 };
  if (!db.doesExist(ID)) db.putSync(ID, Buffer.from(newId));
  const groups = [...db.getKeys({ start: [GROUP], end: [GROUP, LAST] })].map((key) => {
    const [, first, end, bytes, at] = key as [string, number, number, number, number];
    return { first, end, bytes, at };
  });
  const state = [...db.getRange({ start: [STATE], end: [STATE, LAST] })].map(({ key, value }) => ({
    name: String(key[1]),
    text: value.toString(),
  }));
  return { id: String(db.get(ID)), groups, state };
}

/** Gives the file another identity. */
export function rename({ id }: { id: string }): void {
  current().db.putSync(ID, Buffer.from(id));
}

/** Makes a change durable, as a whole or not at all. */
export function apply(change: Change): void {
  const { db } = current();
  try {
    commit(db, change);
  } catch (error) {
    freePages(db);
    throw error;
  }
}

/**
 * LMDB takes pages again that were freed two commits before: where the disk is full and nothing is left to remove,
 * two of next to nothing let the next try have them.
 */
function freePages(db: Database<Buffer, Key>): void {
  try {
    for (let commits = 0; commits < 2; commits++) db.putSync(['commit'], Buffer.from(String(commits)));
  } catch {
    // Not even that: the error that brought us here says why, and a later try does this again.
  }
}

function commit(db: Database<Buffer, Key>, { group, removed, state }: Change): void {
  db.transactionSync(() => {
    for (const key of removed) db.removeSync(keyOf(key));
    for (const { name, text } of state) {
      if (text !== undefined) db.putSync([STATE, name], Buffer.from(text));
      else if (!name.endsWith('/')) db.removeSync([STATE, name]);
      else {
        const below = { start: [STATE, name], end: [STATE, `${name}${LAST}`] };
        for (const key of [...db.getKeys(below)]) db.removeSync(key);
      }
    }
    if (group) db.putSync(keyOf(group), unshared(group.content));
  });
}

let scratch = Buffer.alloc(0);

/** LMDB reads no shared memory. The copy is valid until the next one. */
function unshared(content: Uint8Array): Buffer {
  if (scratch.length < content.length) scratch = Buffer.allocUnsafeSlow(content.length);
  scratch.set(content);
  return scratch.subarray(0, content.length);
}

/** Reads the content of a group into shared memory. @returns how many bytes it has: none where it is not there. */
export async function read({ group, into }: { group: GroupKey; into: Uint8Array }): Promise<number> {
  const file = current();
  // A large one is a view of the map, valid until the next call.
  const content = file.db.getBinary(keyOf(group))?.subarray(0, group.bytes);
  if (content) into.set(content);
  file.mapped += group.bytes;
  if (file.mapped > SPOOL_MAPPED_BYTES) {
    await file.db.close();
    file.db = openMap(file.path, file.mapBytes);
    file.mapped = 0;
  }
  return content?.length ?? 0;
}

export async function close(): Promise<void> {
  await opened?.db.close();
  opened = undefined;
}
