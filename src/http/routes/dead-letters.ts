import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_RAW_BYTES } from '../../core/limits.js';
import { sourcesById } from '../../storage/queries/catalogue.js';
import { deadLetterById, deadLetterKinds, deadLetters } from '../../storage/queries/dead-letters.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import {
  DEAD_LETTER_PROPERTIES,
  DeadLetterId,
  DecodedSchema,
  deadLetterFilter,
  deadLetterJson,
  FILTER_PARAMETERS,
  KindSchema,
  kindJson,
  type RawEncoding,
} from '../dead-letters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Cursor, Limit, Next, nextUrl, Order } from '../schemas.js';

const Encoding = Type.Unsafe<RawEncoding>({
  type: 'string',
  enum: ['base64', 'hex'],
  default: 'base64',
  description: 'How `raw` is written.',
});

const DeadLetterSchema = Type.Object(DEAD_LETTER_PROPERTIES, {
  description: 'A message that could not be understood or stored.',
});

const WholeDeadLetterSchema = Type.Object(
  { ...DEAD_LETTER_PROPERTIES, decoded: DecodedSchema },
  { description: 'A message that could not be understood or stored, and what is in it.' },
);

/** What could not be understood or stored. */
export function deadLetterRoutes(app: App, deps: ServerDeps): void {
  listRoute(app, deps);
  summaryRoute(app, deps);
  oneRoute(app, deps);
}

function listRoute(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/dead-letters',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['dead letters'],
        operationId: 'listDeadLetters',
        summary: 'Messages that could not be understood or stored',
        querystring: Type.Object(
          { ...FILTER_PARAMETERS, limit: Limit, order: Order, cursor: Cursor, encoding: Encoding },
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
      const { limit, order, cursor, encoding } = request.query;
      const filter = deadLetterFilter(request.query, Date.now());
      const after = cursor === undefined ? undefined : parseIdCursor(cursor);
      return readFor(deps, request, async (query) => {
        const wanted = { ...filter, limit, order, after, rawBytes: API_RAW_BYTES };
        const page = await deadLetters(query, wanted);
        const sources = await sourcesById(
          query,
          page.rows.map(({ sourceId }) => sourceId),
        );
        const letters = page.rows.map((row) => deadLetterJson(row, sources.get(row.sourceId), encoding));
        if (!page.next) return { deadLetters: letters };
        const { from, to } = filter;
        return { deadLetters: letters, next: nextUrl(request, { from, to, cursor: idCursor(page.next) }) };
      });
    },
  );
}

function summaryRoute(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/dead-letters/summary',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['dead letters'],
        operationId: 'summarizeDeadLetters',
        summary: 'How many there are of each kind',
        querystring: Type.Object(FILTER_PARAMETERS, { additionalProperties: false }),
        response: {
          200: Type.Object(
            {
              kinds: Type.Array(KindSchema, {
                description: 'One for each code, subject and peer (or file), the most frequent first.',
              }),
              total: Type.Integer({ description: 'Dead letters of all kinds.' }),
              more: Type.Boolean({ description: 'Whether there are more kinds than are shown.' }),
            },
            { description: 'The kinds of dead letters.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) =>
      readFor(deps, request, async (query) => {
        const filter = deadLetterFilter(request.query, Date.now());
        const { kinds, total, hasMore } = await deadLetterKinds(query, filter);
        return { kinds: kinds.map(kindJson), total, more: hasMore };
      }),
  );
}

function oneRoute(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['dead letters'],
        operationId: 'getDeadLetter',
        summary: 'One such message with all its bytes, decoded as far as it goes',
        params: Type.Object({ id: DeadLetterId }),
        querystring: Type.Object({ encoding: Encoding }, { additionalProperties: false }),
        response: { 200: WholeDeadLetterSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const { letter, sources } = await readFor(deps, request, async (query) => {
        const found = await deadLetterById(query, String(request.params.id));
        if (!found) throw new ZeekwayError('not_found', `there is no dead letter ${request.params.id}`);
        return { letter: found, sources: await sourcesById(query, [found.sourceId]) };
      });
      const decoded = deps.deadLetters.inspect(letter.raw, letter.format);
      return { ...deadLetterJson(letter, sources.get(letter.sourceId), request.query.encoding), decoded };
    },
  );
}
