import { ask } from './request.js';
import type { Row } from './types.js';

export type TailEvent =
  | { readonly event: 'row'; readonly row: Row }
  | { readonly event: 'gap'; readonly dropped: number };

/**
 * The events of the live tail. By hand, since the browser's EventSource cannot send a token. Throws `Problem`; ends when
 * the gateway ends it.
 */
export async function* tailEvents(
  url: string,
  signal: AbortSignal,
  onOpen: () => void,
): AsyncGenerator<TailEvent> {
  const { body } = await ask(url, signal);
  onOpen();
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) yield* eventsOf(message);
  }
}

function* eventsOf(message: string): Generator<TailEvent> {
  const [, event, data] = /^event: (\w+)\ndata: (.*)$/s.exec(message) ?? [];
  if (data === undefined) return;
  const told = JSON.parse(data);
  if (event === 'row') yield { event, row: told.row };
  if (event === 'gap') yield { event, dropped: told.dropped };
}
