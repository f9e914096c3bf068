import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_QUERY_TIMEOUT_MS, API_ROWS_MAX } from '../../core/limits.js';
import { dropDeadLetters } from '../../storage/dead-letters.js';
import type { DeadLetterFilter } from '../../storage/queries/dead-letters.js';
import type { App, ServerDeps } from '../context.js';
import { parseStepsCursor, stepsCursor } from '../cursor.js';
import {
  DeadLetterId,
  deadLetterFilter,
  FILTER_PARAMETERS,
  RetriedSchema,
  retriedJson,
} from '../dead-letters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Cursor, Next, nextUrl } from '../schemas.js';

const Params = Type.Object({ id: DeadLetterId });
const NoQuery = Type.Object({}, { additionalProperties: false });

const Dropped = Type.Object(
  {
    dropped: Type.Integer({ description: 'How many were dropped.' }),
    next: Type.Optional(
      Type.String({ description: 'The URL that goes on, by DELETE: there was no time for all of them.' }),
    ),
  },
  { description: 'What was dropped.' },
);

const AllRetried = Type.Object(
  {
    stored: Type.Integer({ description: 'How many are no dead letters any more.' }),
    failed: Type.Integer({ description: 'How many stay, with a new code and reason.' }),
    skipped: Type.Integer({ description: 'How many stay because there is nothing to try.' }),
    results: Type.Array(RetriedSchema, { description: 'Those that stay.' }),
    next: Next,
  },
  { description: 'What became of them. `next`, by POST, goes on: there was no time for all of them.' },
);

/** Tells whether work in steps should end: the client is gone, or has waited long enough. */
function isOver(
  { queryTimeoutMs = API_QUERY_TIMEOUT_MS }: ServerDeps,
  { signal }: FastifyRequest,
): () => boolean {
  const deadline = performance.now() + queryTimeoutMs;
  return () => signal.aborted || performance.now() > deadline;
}

/** A change must say to what. Throws `request_invalid`. */
function neededFilter(given: Parameters<typeof deadLetterFilter>[0]): DeadLetterFilter {
  const filter = deadLetterFilter(given, Date.now());
  if (Object.values(filter).some((value) => value !== undefined)) return filter;
  const names = Object.keys(FILTER_PARAMETERS).join(', ');
  throw new ZeekwayError('request_invalid', `say which dead letters by one of ${names}`);
}

const oneId = ({ id }: Static<typeof Params>): DeadLetterFilter => ({ ids: [String(id)] });

function notThere(id: number): never {
  throw new ZeekwayError('not_found', `there is no dead letter ${id}`);
}

/** Dropping dead letters and trying them again. */
export function deadLetterChangeRoutes(app: App, deps: ServerDeps): void {
  dropRoutes(app, deps);
  retryRoutes(app, deps);
}

function dropRoutes(app: App, deps: ServerDeps): void {
  app.delete(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['dead letters'],
        operationId: 'dropDeadLetter',
        summary: 'Drop one',
        params: Params,
        querystring: NoQuery,
        response: { 200: Dropped, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { dropped } = await drop(deps, request, oneId(request.params));
      return dropped === 0 ? notThere(id) : { dropped };
    },
  );

  app.delete(
    '/v1/dead-letters',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['dead letters'],
        operationId: 'dropDeadLetters',
        summary: 'Drop those that a filter names',
        description: 'At least one filter is needed; all that are given must hold.',
        querystring: Type.Object(FILTER_PARAMETERS, { additionalProperties: false }),
        response: { 200: Dropped, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const filter = neededFilter(request.query);
      const { dropped, isAll } = await drop(deps, request, filter);
      const { from, to } = filter;
      return isAll ? { dropped } : { dropped, next: nextUrl(request, { from, to }) };
    },
  );
}

async function drop(
  deps: ServerDeps,
  request: FastifyRequest,
  filter: DeadLetterFilter,
): Promise<{ dropped: number; isAll: boolean }> {
  const over = isOver(deps, request);
  let dropped = 0;
  let isAll = true;
  for await (const step of dropDeadLetters(deps.pool, filter)) {
    dropped += step;
    isAll = !over();
    if (!isAll) break;
  }
  request.log.info({ filter, dropped }, 'dead letters dropped');
  return { dropped, isAll };
}

function retryRoutes(app: App, deps: ServerDeps): void {
  app.post(
    '/v1/dead-letters/:id/retry',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['dead letters'],
        operationId: 'retryDeadLetter',
        summary: 'Try one again',
        params: Params,
        querystring: NoQuery,
        response: { 200: RetriedSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      for await (const { outcomes } of deps.deadLetters.retry(oneId(request.params))) {
        const [outcome] = outcomes;
        if (!outcome) break;
        request.log.info({ outcome }, 'dead letter tried again');
        return retriedJson(outcome);
      }
      return notThere(request.params.id);
    },
  );

  app.post(
    '/v1/dead-letters/retry',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['dead letters'],
        operationId: 'retryDeadLetters',
        summary: 'Try those again that a filter names',
        description:
          'At least one filter is needed; all that are given must hold. Those that come in meanwhile are not tried.',
        querystring: Type.Object({ ...FILTER_PARAMETERS, cursor: Cursor }, { additionalProperties: false }),
        response: { 200: AllRetried, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const filter = neededFilter(request.query);
      const { cursor } = request.query;
      const over = isOver(deps, request);
      const counts = { stored: 0, failed: 0, skipped: 0, gone: 0 };
      const results: ReturnType<typeof retriedJson>[] = [];
      let next: string | undefined;
      const from = cursor === undefined ? undefined : parseStepsCursor(cursor);
      for await (const step of deps.deadLetters.retry(filter, from)) {
        for (const outcome of step.outcomes) {
          counts[outcome.outcome] += 1;
          if (outcome.outcome === 'failed' || outcome.outcome === 'skipped')
            results.push(retriedJson(outcome));
        }
        const range = { from: filter.from, to: filter.to };
        next = nextUrl(request, { ...range, cursor: stepsCursor(step.next) });
        if (over() || results.length >= API_ROWS_MAX) break;
        next = undefined;
      }
      request.log.info({ filter, ...counts }, 'dead letters tried again');
      const { stored, failed, skipped } = counts;
      return { stored, failed, skipped, results, ...(next === undefined ? {} : { next }) };
    },
  );
}
