import { ZeekwayError } from '../../core/errors.js';
import { addTo, subtractFrom } from './arithmetic.js';
import type { EntityId, StoreAction } from './commands.js';
import type { StoreChange, StoreContent, StoreEntry } from './content.js';
import { changeTo, type StoreEvent } from './outputs.js';

/** What an action came to. */
export interface Deed {
  readonly changes: readonly StoreChange[];
  readonly events: readonly StoreEvent[];
  /** What the clones are told: of what changes an entry only puts of its whole value. */
  readonly commands: readonly StoreAction[];
  /** The answer to a put_unique. */
  readonly inserted?: boolean;
}

const NOTHING: Deed = { changes: [], events: [], commands: [] };

interface Circumstances {
  /** Nanoseconds since the Unix epoch. */
  readonly now: bigint;
  readonly master: EntityId;
}

/** Does an action to the content of a master. Throws `store_type_clash`, `store_key_missing`, and changes nothing then. */
export function doAction(content: StoreContent, action: StoreAction, { now, master }: Circumstances): Deed {
  const { publisher } = action;
  switch (action.type) {
    case 'put':
      return put(content, action, action.value, now);
    case 'put_unique': {
      const { key, value, expiry, who, request } = action;
      const inserted = content.get(key) === undefined;
      const answer: StoreAction = { type: 'put_unique_result', inserted, who, request, publisher: master };
      if (!inserted) return { ...NOTHING, commands: [answer], inserted };
      const deed = put(content, { key, expiry, publisher }, value, now);
      return { ...deed, commands: [...deed.commands, answer], inserted };
    }
    case 'add':
    case 'subtract': {
      const value = changed(content.get(action.key)?.value, action);
      const deed = put(content, action, value, now);
      // Of what changes an entry the clones are not told when it expires, nor need they: the master expires it.
      return { ...deed, commands: [{ type: 'put', key: action.key, value, publisher }] };
    }
    case 'erase':
    case 'expire': {
      const old = content.delete(action.key);
      if (old === undefined) return NOTHING;
      return {
        changes: [{ type: 'erase', key: action.key }],
        events: [{ type: action.type, key: action.key, old: old.value, publisher }],
        commands: [action],
      };
    }
    case 'clear':
      return {
        changes: [{ type: 'clear' }],
        events: content.clear().map(({ key, value }) => ({ type: 'erase', key, old: value, publisher })),
        commands: [action],
      };
    case 'put_unique_result':
      return NOTHING;
  }
}

type Operation = Extract<StoreAction, { type: 'add' | 'subtract' }>;

function changed(value: StoreEntry['value'] | undefined, operation: Operation): StoreEntry['value'] {
  if (operation.type === 'add') return addTo(value, operation.value, operation.initType);
  if (value !== undefined) return subtractFrom(value, operation.value);
  const what = `there is no entry to subtract a ${operation.value.type} from`;
  throw new ZeekwayError('store_key_missing', what);
}

function put(
  content: StoreContent,
  { key, expiry, publisher }: Pick<Operation, 'key' | 'expiry' | 'publisher'>,
  value: StoreEntry['value'],
  now: bigint,
): Deed {
  const old = content.get(key)?.value;
  const entry: StoreEntry = { key, value, ...(expiry === undefined ? {} : { expires: now + expiry }) };
  content.set(entry);
  return {
    changes: [{ type: 'put', ...entry }],
    events: [changeTo(key, value, old, publisher)],
    commands: [{ type: 'put', key, value, expiry, publisher }],
  };
}
