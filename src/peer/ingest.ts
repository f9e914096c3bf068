import { Interpreter } from '../zeek/interpreter.js';
import type { Item } from '../zeek/item.js';
import type { Message, MessageSource } from './message.js';

/**
 * The items in the messages of live peers, for the bridge. Each connection has an interpreter of its own: a
 * peer announces its logs anew whenever it connects.
 */
export async function* liveItems(messages: AsyncIterable<Message>): AsyncGenerator<readonly Item[]> {
  const interpreters = new WeakMap<MessageSource, Interpreter>();
  for await (const { source, topic, payload, received } of messages) {
    let interpreter = interpreters.get(source);
    if (!interpreter) {
      interpreter = new Interpreter({ kind: 'live', peer: source.peer, name: source.name });
      interpreters.set(source, interpreter);
    }
    yield interpreter.interpret(topic, payload, received);
  }
}
