import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_RAW_BYTES } from '../../core/limits.js';
import { type Source, sourcesById } from '../../storage/queries/catalogue.js';
import { deadLetterById, deadLetters, type StoredDeadLetter } from '../../storage/queries/dead-letters.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Cursor, From, Limit, Next, nextUrl, Order, SourceRef, Time, To } from '../schemas.js';
import { parseRange, timeFromSql } from '../times.js';
import { sourceJson, storedText } from '../values.js';

const Encoding = Type.Unsafe<'base64' | 'hex'>({
  type: 'string',
  enum: ['base64', 'hex'],
  default: 'base64',
  description: 'How `raw` is written.',
});

const DeadLetterSchema = Type.Object(
  {
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
    raw: Type.String({ description: 'The bytes; in the list the first ones only, see `size`.' }),
  },
  { description: 'A message that could not be understood or stored.' },
);

function deadLetterJson(letter: StoredDeadLetter, source: Source | undefined, encoding: 'base64' | 'hex') {
  const { id, code, reason, subject, topic, received, size, raw } = letter;
  return {
    id: Number(id),
    code,
    reason,
    subject,
    topic,
    received: timeFromSql(received),
    source: sourceJson(source),
    size,
    raw: raw.toString(encoding),
  };
}

/** What could not be understood or stored. */
export function deadLetterRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/dead-letters',
    {
      schema: {
        tags: ['dead letters'],
        operationId: 'listDeadLetters',
        summary: 'Messages that could not be understood or stored',
        querystring: Type.Object(
          {
            code: Type.Optional(
              Type.String({ description: "The error catalogue's code.", examples: ['log_record_malformed'] }),
            ),
            from: From,
            to: To,
            limit: Limit,
            order: Order,
            cursor: Cursor,
            encoding: Encoding,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { deadLetters: Type.Array(DeadLetterSchema), next: Next },
            { description: 'A page of dead letters.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { code, limit, order, cursor, encoding } = request.query;
      const range = parseRange(request.query, Date.now());
      const after = cursor === undefined ? undefined : parseIdCursor(cursor);
      return readFor(deps, request, async (query) => {
        const wanted = {
          code: code && storedText(code),
          ...range,
          limit,
          order,
          after,
          rawBytes: API_RAW_BYTES,
        };
        const page = await deadLetters(query, wanted);
        const sources = await sourcesById(
          query,
          page.rows.map(({ sourceId }) => sourceId),
        );
        const letters = page.rows.map((row) => deadLetterJson(row, sources.get(row.sourceId), encoding));
        if (!page.next) return { deadLetters: letters };
        return { deadLetters: letters, next: nextUrl(request, { ...range, cursor: idCursor(page.next) }) };
      });
    },
  );

  app.get(
    '/v1/dead-letters/:id',
    {
      schema: {
        tags: ['dead letters'],
        operationId: 'getDeadLetter',
        summary: 'One such message with all its bytes',
        params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) }),
        querystring: Type.Object({ encoding: Encoding }, { additionalProperties: false }),
        response: { 200: DeadLetterSchema, ...PROBLEM_RESPONSES },
      },
    },
    (request) =>
      readFor(deps, request, async (query) => {
        const letter = await deadLetterById(query, String(request.params.id));
        if (!letter) throw new ZeekwayError('not_found', `there is no dead letter ${request.params.id}`);
        const sources = await sourcesById(query, [letter.sourceId]);
        return deadLetterJson(letter, sources.get(letter.sourceId), request.query.encoding);
      }),
  );
}
