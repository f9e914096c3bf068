import type { Message, MessageSource } from '../../src/peer/message.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { Item } from '../../src/zeek/item.js';

/** The items in the messages of live peers, without a spool in between. */
export async function* liveItems(messages: AsyncIterable<Message>): AsyncGenerator<readonly Item[]> {
  const interpreters = new WeakMap<MessageSource, Interpreter>();
  for await (const { source, topic, payload, received, format } of messages) {
    const { peer, name } = source;
    const interpreter = interpreters.get(source) ?? new Interpreter({ kind: 'live', peer, name });
    interpreters.set(source, interpreter);
    yield interpreter.interpret(topic, payload, received, format);
  }
}
