import { Type } from 'typebox';
import type { Steps } from '../storage/dead-letters.js';
import type { Source } from '../storage/queries/catalogue.js';
import type { DeadLetterFilter, StoredDeadLetter, StoredKind } from '../storage/queries/dead-letters.js';
import { From, SourceRef, Time, To } from './schemas.js';
import { parseRange, timeFromSql } from './times.js';
import { sourceJson, storedText } from './values.js';

/** Dead letters as answers show them. */

/** What is in the bytes of one, as src/zeek/inspect.ts tells it. */
export interface Decoded {
  readonly messages: readonly object[];
  readonly text?: string;
  readonly stopped?: { readonly offset: number; readonly reason: string };
  readonly rest?: { readonly offset: number; readonly bytes: number; readonly hex: string };
}

/** What became of one that was tried again. */
export interface Retried {
  readonly id: string;
  readonly outcome: 'stored' | 'failed' | 'skipped' | 'gone';
  readonly rows?: number;
  readonly code?: string;
  readonly reason?: string;
}

/** What the API needs from the rest of the gateway for dead letters. */
export interface DeadLetterActions {
  readonly inspect: (raw: Uint8Array, format: string) => Decoded;
  /** Tries them again, in steps. @param from where an earlier run stopped. */
  readonly retry: (
    filter: DeadLetterFilter,
    from?: Steps,
  ) => AsyncIterable<{ readonly outcomes: readonly Retried[]; readonly next: Steps }>;
}

export type RawEncoding = 'base64' | 'hex';

export function deadLetterJson(letter: StoredDeadLetter, source: Source | undefined, encoding: RawEncoding) {
  const { id, code, reason, subject, topic, received, size, raw, format } = letter;
  return {
    id: Number(id),
    code,
    reason,
    subject,
    topic,
    received: timeFromSql(received),
    source: sourceJson(source),
    size,
    format,
    raw: raw.toString(encoding),
  };
}

export function kindJson({ code, subject, source, count, first, last }: StoredKind) {
  return {
    code,
    subject,
    source: sourceJson(source),
    count,
    first: timeFromSql(first),
    last: timeFromSql(last),
  };
}

/** The same with the number as the API has it. */
export const retriedJson = ({ id, ...others }: Retried) => ({ id: Number(id), ...others });

export const DeadLetterId = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const DEAD_LETTER_PROPERTIES = {
  id: Type.Integer({ description: 'Ascending in the order of storing.' }),
  code: Type.String({ description: "The error catalogue's code.", examples: ['log_without_schema'] }),
  reason: Type.String({ description: 'What is wrong, in one line.' }),
  subject: Type.String({
    description: 'The stream or event that it belongs to, as far as it was understood.',
  }),
  topic: Type.String(),
  received: Time('When zeekway (or the capture) received it.'),
  source: SourceRef,
  size: Type.Integer({ description: 'How many bytes are stored.' }),
  format: Type.String({
    description: "What the bytes are, by Zeek's names: broker-bin-v1, broker-json-v1, zeek-bin-serializer.",
  }),
  raw: Type.String({ description: 'The bytes; in the list the first ones only, see `size`.' }),
};

export const KindSchema = Type.Object({
  code: Type.String({ description: "The error catalogue's code." }),
  subject: Type.String({ description: 'The stream or event.' }),
  source: SourceRef,
  count: Type.Integer(),
  first: Time('When the first of them was received.'),
  last: Time('When the last of them was received.'),
});

export const DecodedSchema = Type.Unsafe<Decoded>(
  Type.Object(
    {
      messages: Type.Array(
        Type.Object(
          {
            offset: Type.Integer({ description: 'The byte at which it begins.' }),
            type: Type.String({
              enum: ['event', 'log-create', 'log-write', 'identifier-update', 'batch', 'unknown'],
              description: 'A batch is followed by its messages.',
            }),
          },
          {
            additionalProperties: true,
            description:
              'What could be read of it: stream, writer, path and fields (name, type, value; `announced` where that is another type) of a log record; name and arguments of an event. Parts that were not reached are left out.',
          },
        ),
        { description: 'The Zeek messages in it.' },
      ),
      text: Type.Optional(
        Type.String({
          description: 'The bytes as text, where they are one and no message: a line of a log file.',
        }),
      ),
      stopped: Type.Optional(
        Type.Object(
          { offset: Type.Integer(), reason: Type.String() },
          { description: 'Why reading ended before the end, and at which byte.' },
        ),
      ),
      rest: Type.Optional(
        Type.Object(
          {
            offset: Type.Integer({ description: 'The first byte that is not shown above.' }),
            bytes: Type.Integer({ description: 'How many there are.' }),
            hex: Type.String({ description: 'The first of them.' }),
          },
          { description: 'What could not be read.' },
        ),
      ),
    },
    { description: 'What is in the bytes, decoded as far as it goes.' },
  ),
);

export const RetriedSchema = Type.Object(
  {
    id: Type.Integer(),
    outcome: Type.Unsafe<Retried['outcome']>({
      type: 'string',
      enum: ['stored', 'failed', 'skipped', 'gone'],
      description:
        '`stored`: it is no dead letter any more. `failed`: it stays, with a new code and reason. `skipped`: it stays, there is nothing to try. `gone`: somebody else was faster.',
    }),
    rows: Type.Optional(Type.Integer({ description: 'How many rows came of it.' })),
    code: Type.Optional(Type.String({ description: 'Of one that failed.' })),
    reason: Type.Optional(Type.String({ description: 'Why it stays.' })),
  },
  { description: 'What became of a dead letter that was tried again.' },
);

/** Which dead letters are meant. */
export const FILTER_PARAMETERS = {
  ids: Type.Optional(
    Type.String({
      pattern: '^\\d{1,15}(,\\d{1,15})*$',
      description: 'These, with commas between.',
      examples: ['17,18'],
    }),
  ),
  code: Type.Optional(
    Type.String({ description: "The error catalogue's code.", examples: ['log_record_malformed'] }),
  ),
  subject: Type.Optional(
    Type.String({ description: 'The stream or event, in whole.', examples: ['Conn::LOG'] }),
  ),
  from: From,
  to: To,
};

type FilterParameters = { readonly [name in keyof typeof FILTER_PARAMETERS]?: string };

/** The filter that parameters of a request, or options of a command, name. Throws `request_invalid`. */
export function deadLetterFilter(given: FilterParameters, now: number): DeadLetterFilter {
  return {
    ids: given.ids?.split(','),
    code: given.code && storedText(given.code),
    subject: given.subject && storedText(given.subject),
    ...parseRange(given, now),
  };
}
