import type { FastifyError, FastifyRequest, RouteOptions } from 'fastify';
import {
  ANONYMOUS,
  allows,
  allowsTopic,
  bearerOf,
  type Caller,
  NOBODY,
  type RouteScope,
} from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import type { App, ServerDeps } from './context.js';
import { SAFE_METHODS } from './cross-site.js';
import { sendProblem } from './problem.js';
import { limitRates } from './rates.js';
import { wantsUpgrade } from './upgrade.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which scope a route needs. Each has to say it. */
    readonly scope?: RouteScope;
  }
}

const callers = new WeakMap<FastifyRequest, Caller>();

/** Who asks, once the request was let in. */
export const callerOf = (request: FastifyRequest): Caller => callers.get(request) ?? NOBODY;

/** A token is one caller, wherever it is used; who has none is an address. */
function callerName(request: FastifyRequest): string {
  const { token = '', name } = callerOf(request);
  return name === ANONYMOUS ? `address ${request.ip}` : `token ${token} ${name}`;
}

/** Throws `scope_missing` where a token allows to publish, but not on that topic. */
export function checkMayPublish(request: FastifyRequest, topic: string): void {
  const { name, scopes } = callerOf(request);
  if (allowsTopic(scopes, topic)) return;
  throw new ZeekwayError(
    'scope_missing',
    `the token "${name}" may not publish on "${topic}": it has ${scopes.join(', ')}`,
  );
}

/**
 * Lets in who may do what a route does: every route declares the scope that it needs, or the server does not start.
 * To be called before the routes.
 */
export function controlAccess(app: App, { gate, rateLimit }: Pick<ServerDeps, 'gate' | 'rateLimit'>): void {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  app.addHook('onReady', async () => {
    const undeclared = routes.filter(({ config }) => config?.scope === undefined);
    if (undeclared.length === 0) return;
    const names = undeclared.map(({ method, url }) => `${method} ${url}`);
    throw new ZeekwayError('internal', `routes without a scope: ${names.join(', ')}`);
  });
  const rates = limitRates(app, rateLimit, callerName);
  app.addHook('onRequest', async (request, reply) => {
    const { scope = 'open' } = request.routeOptions.config;
    if (scope === 'open') return;
    const token = takeToken(request);
    const caller = token === undefined ? undefined : gate.holderOf(token);
    if (caller) callers.set(request, caller);
    else if (gate.isRequired) {
      throw new ZeekwayError(
        'unauthorized',
        token === undefined ? 'the request has no token' : 'nobody has the token of the request',
      );
    }
    const tooMany = await rates.request(request, reply);
    if (tooMany) throw tooMany;
    const { name, scopes } = callerOf(request);
    if (allows(scopes, scope)) return;
    throw new ZeekwayError(
      'scope_missing',
      `this needs the scope ${scope}, and the token "${name}" has ${scopes.join(', ')}`,
    );
  });
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    // Who has no token may ask for pages as often as they like, but not fill the audit log.
    const counts = hasToken(request) || !SAFE_METHODS.has(request.method);
    const isFailure = error.code === 'unauthorized' && counts;
    const tooMany = isFailure ? await rates.failure(request, reply) : undefined;
    return sendProblem(tooMany ?? error, request, reply);
  });
}

const hasToken = ({ headers, url }: FastifyRequest): boolean =>
  headers.authorization !== undefined || /[?&]token=/.test(url);

/**
 * The token of a request. Browsers cannot send headers with a WebSocket: such a request may have it as a parameter,
 * which is taken out, since it is none of the route.
 */
function takeToken(request: FastifyRequest): string | undefined {
  const bearer = bearerOf(request.headers.authorization);
  if (!wantsUpgrade(request.raw)) return bearer;
  const query = request.query as Record<string, unknown>;
  const { token } = query;
  delete query['token'];
  return bearer ?? (typeof token === 'string' ? token : undefined);
}
