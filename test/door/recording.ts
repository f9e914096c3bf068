import { readFileSync } from 'node:fs';
import { fixtureFile } from '../support/recordings.js';

/** The frames that a client sent to a real Zeek, in their order. */
export function recordedClientFrames(): readonly Buffer[] {
  const lines = readFileSync(fixtureFile('zeek/websocket-clean/messages.jsonl'), 'utf8');
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { from: string; text?: string; base64?: string })
    .filter(({ from }) => from === 'client')
    .map(({ text, base64 }) =>
      text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text),
    );
}
