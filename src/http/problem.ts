import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE, type ErrorCode, ZeekwayError } from '../core/errors.js';
import { didYouMean } from '../core/nearest.js';
import { maskToken } from '../core/secrets.js';
import { FilterError, type Span } from '../filter/syntax.js';

/** Errors as RFC 9457 describes them, with the code of our catalogue. */

const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export interface Problem {
  /** Where the code is explained. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly action: string;
  /** Of a filter: the characters that are wrong, from 0, `to` behind the last one. */
  readonly at?: Span;
}

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Where the code is explained, relative to this API.' }),
    title: Type.String({ description: 'What happened, the same for every error of this code.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What happened this time.' }),
    instance: Type.String({ description: 'The request.' }),
    code: Type.String({ description: "The catalogue's code: stable, for programs." }),
    action: Type.String({ description: 'What to do about it.' }),
    at: Type.Optional(
      Type.Object(
        { from: Type.Integer(), to: Type.Integer() },
        { description: 'Of a filter: the characters that are wrong, from 0; `to` is behind the last one.' },
      ),
    ),
  },
  { $id: 'Problem', title: 'Problem', description: 'An error (RFC 9457).' },
);

/** The responses that every route can give besides its own. */
export const PROBLEM_RESPONSES = {
  default: {
    description: 'An error.',
    content: { [PROBLEM_MEDIA_TYPE]: { schema: Type.Ref('Problem#') } },
  },
};

/** Codes whose messages name servers, users or statements: for the log, not for clients. */
const PRIVATE_CODES: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'database_unreachable',
  'database_auth',
  'database_failed',
]);

/** The catalogue's error for whatever a handler or Fastify threw. */
function asZeekwayError(
  error: FastifyError | ZeekwayError,
  request: FastifyRequest,
): { error: ZeekwayError; status?: number } {
  if (error instanceof ZeekwayError) return { error };
  if (error.validation) {
    return { error: new ZeekwayError('request_invalid', validationDetail(error, request)) };
  }
  const status = error.statusCode ?? 500;
  // Fastify's own: a URL that cannot be decoded, a body that is too large.
  if (status >= 400 && status < 500) {
    return { error: new ZeekwayError('request_invalid', error.message), status };
  }
  return { error: new ZeekwayError('internal', error.message, {}, { cause: error }) };
}

/** What is wrong with a parameter; of one that the route does not have also which ones are near to it. */
function validationDetail({ validation }: FastifyError, request: FastifyRequest): string {
  const problem = validation?.[0];
  const name = problem?.instancePath.slice(1).split('/')[0] ?? '';
  const { params = {} } = problem ?? {};
  switch (problem?.keyword) {
    case 'additionalProperties':
      return unknownParameter(String(params['additionalProperty']), request);
    case 'required':
      return `"${params['missingProperty']}" is missing`;
    case 'enum':
      return `"${name}" is one of ${[params['allowedValues']].flat().join(', ')}`;
    case 'type':
      if (Array.isArray((request.query as Record<string, unknown>)[name])) {
        return `"${name}" is given more than once`;
      }
  }
  return `"${name}" ${problem?.message ?? 'is not valid'}`;
}

function unknownParameter(name: string, request: FastifyRequest): string {
  const schema = request.routeOptions.schema?.querystring as { properties?: object } | undefined;
  const names = Object.keys(schema?.properties ?? {});
  const hint = didYouMean(name, names) || (names.length > 0 ? `; it has ${names.join(', ')}` : '');
  return `"${name}" is no parameter of this request${hint}`;
}

/** The problem that an error is, logged where it is not the client's doing. */
export function problemOf(error: FastifyError | ZeekwayError, request: FastifyRequest): Problem {
  const { error: known, status: givenStatus } = asZeekwayError(error, request);
  const entry: { summary: string; action: string; status?: number } = ERROR_CATALOGUE[known.code];
  const status = givenStatus ?? entry.status ?? 500;
  if (status >= 500 && !request.signal.aborted) {
    request.log.error({ err: error, url: maskToken(request.url) }, `${known.message} [${known.code}]`);
  }
  const detail = PRIVATE_CODES.has(known.code)
    ? `${entry.summary} The log of zeekway says more under request ${request.id}.`
    : known.message;
  return {
    type: `/errors#${known.code}`,
    title: entry.summary,
    status,
    detail,
    instance: maskToken(request.url),
    code: known.code,
    action: entry.action,
    ...(known instanceof FilterError ? { at: known.at } : {}),
  };
}

/** Answers a request with the problem that an error is. */
export function sendProblem(
  error: FastifyError | ZeekwayError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error, request);
  // Which is how a 401 has to say what would help (RFC 9110, section 15.5.2).
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(problem.status).header('content-type', PROBLEM_MEDIA_TYPE).send(problem);
}

/** For URLs that no route has. */
export function notFound(request: FastifyRequest): never {
  throw new ZeekwayError('not_found', `there is no ${request.method} ${request.url.split('?')[0]}`);
}
