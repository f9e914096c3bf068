import { equals, type Value } from '../../codec/value.js';
import type { ZeekwayError } from '../../core/errors.js';
import type { EndpointId } from '../broker/endpoint-id.js';
import type { EntityId } from './commands.js';
import type { StoreContent } from './content.js';
import type { Snapshot } from './snapshot.js';

/** A change of a store's content, as those are told who follow it. */
export type StoreEvent =
  | { readonly type: 'insert'; readonly key: Value; readonly value: Value; readonly publisher: EntityId }
  | {
      readonly type: 'update';
      readonly key: Value;
      readonly value: Value;
      readonly old: Value;
      readonly publisher: EntityId;
    }
  /** `expire`: its time was over. */
  | {
      readonly type: 'erase' | 'expire';
      readonly key: Value;
      readonly old: Value;
      readonly publisher: EntityId;
    };

export const changeTo = (
  key: Value,
  value: Value,
  old: Value | undefined,
  publisher: EntityId,
): StoreEvent =>
  old === undefined
    ? { type: 'insert', key, value, publisher }
    : { type: 'update', key, value, old, publisher };

/** What happened to a content that became another one. */
export function* differences(
  before: StoreContent,
  after: StoreContent,
  publisher: EntityId,
): Generator<StoreEvent> {
  for (const { key, value } of before.all()) {
    if (after.get(key) === undefined) yield { type: 'erase', key, old: value, publisher };
  }
  for (const { key, value } of after.all()) {
    const old = before.get(key)?.value;
    if (old === undefined || !equals(old, value)) yield changeTo(key, value, old, publisher);
  }
}

/** What a master or a clone wants done, in this order. */
export type StoreOutput =
  /** To all peers that have the other side, or to one. */
  | {
      readonly type: 'send';
      readonly topic: string;
      readonly receiver?: EndpointId | undefined;
      readonly payload: Buffer;
    }
  | { readonly type: 'event'; readonly event: StoreEvent }
  /** A write of ours is done. @see `inserted` the answer to a put_unique. */
  | { readonly type: 'done'; readonly request: bigint; readonly inserted?: boolean }
  | { readonly type: 'failed'; readonly request: bigint; readonly error: ZeekwayError }
  /** A clone's write could not be done: there is nobody to tell. */
  | { readonly type: 'refused'; readonly writer: EntityId; readonly error: ZeekwayError }
  /** A clone wants the content of now: call `greetClone` with it. */
  | { readonly type: 'snapshot_wanted'; readonly clone: EntityId; readonly offset: bigint }
  /** The master sent its content: call `attach` with the entries in it. */
  | {
      readonly type: 'snapshot';
      readonly master: EntityId;
      readonly offset: bigint;
      readonly heartbeatTicks: number;
      readonly snapshot: Snapshot;
    }
  /** The content is the master's now; see `differences` for what that changed. */
  | { readonly type: 'attached'; readonly master: EntityId; readonly before: StoreContent }
  | { readonly type: 'detached'; readonly reason: string }
  /** Somebody who listened or wrote to the master is gone. */
  | { readonly type: 'dropped'; readonly entity: EntityId; readonly reason: string };
