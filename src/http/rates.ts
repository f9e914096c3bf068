import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ZeekwayError } from '../core/errors.js';
import { API_FAILURE_RATE, API_RATE_CALLERS, API_RATE_WINDOW_MS } from '../core/limits.js';
import type { App } from './context.js';

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

/** Counts a request. @returns the error where there were too many; then the answer says when to come again. */
type Count = (request: FastifyRequest, reply: FastifyReply) => Promise<ZeekwayError | undefined>;

export interface Rates {
  /** Of each caller. */
  readonly request: Count;
  /** Requests that were not let in, of each address: fewer are allowed. */
  readonly failure: Count;
}

/**
 * Limits on how often somebody may ask.
 * @param perMinute requests of one caller; no limit where it is left out.
 * @param callerName tells the callers apart.
 */
export function limitRates(
  app: App,
  perMinute: number | undefined,
  callerName: (request: FastifyRequest) => string,
): Rates {
  const limiters: { request?: Limiter; failure?: Limiter } = {};
  // The plugin counts; who is counted, and when, is for the hook that knows who asks.
  app.register(rateLimit, { global: false, cache: API_RATE_CALLERS, timeWindow: API_RATE_WINDOW_MS });
  app.after(() => {
    limiters.failure = app.createRateLimit({ max: API_FAILURE_RATE });
    if (perMinute === undefined) return;
    limiters.request = app.createRateLimit({ max: perMinute, keyGenerator: callerName });
  });
  const count =
    (which: keyof typeof limiters, what: string): Count =>
    async (request, reply) => {
      const result = await limiters[which]?.(request);
      if (!result || result.isAllowed || !result.isExceeded) return undefined;
      reply.header('retry-after', result.ttlInSeconds);
      return new ZeekwayError('rate_limited', `more than ${result.max} ${what} within a minute`);
    };
  return {
    request: count('request', 'requests'),
    failure: count('failure', 'requests without a right token'),
  };
}
