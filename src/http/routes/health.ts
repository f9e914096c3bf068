import { Type } from 'typebox';
import { errorLine } from '../../core/errors.js';
import { API_READY_TIMEOUT_MS } from '../../core/limits.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import type { HealthCheck } from '../peers.js';
import { PROBLEM_RESPONSES } from '../problem.js';

const Readiness = Type.Object(
  {
    ready: Type.Boolean(),
    checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() })),
  },
  { description: 'What was checked, and what came of it.' },
);

/** For probes: whether the process lives, and whether it can do its work. */
export function healthRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/healthz',
    {
      config: { scope: 'open' },
      schema: {
        tags: ['gateway'],
        operationId: 'getHealth',
        summary: 'Whether the gateway lives',
        response: {
          200: Type.Object(
            { status: Type.Literal('ok'), version: Type.String() },
            { description: 'It lives.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async () => ({ status: 'ok' as const, version: deps.version }),
  );

  app.get(
    '/readyz',
    {
      config: { scope: 'open' },
      schema: {
        tags: ['gateway'],
        operationId: 'getReadiness',
        summary: 'Whether the gateway can do its work',
        description: '503 while the database cannot be reached or something else is being retried.',
        response: { 200: Readiness, 503: Readiness, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { ready, checks } = deps.health();
      const database = await databaseCheck(deps, request.signal);
      const isReady = ready && database.ok;
      return reply.code(isReady ? 200 : 503).send({ ready: isReady, checks: [database, ...checks] });
    },
  );
}

async function databaseCheck(deps: ServerDeps, signal: AbortSignal): Promise<HealthCheck> {
  const started = performance.now();
  try {
    await readFor(
      { ...deps, pool: deps.probePool, queryTimeoutMs: API_READY_TIMEOUT_MS },
      { signal },
      (query) => query('SELECT 1'),
    );
    return { name: 'database', ok: true, detail: `answers in ${Math.ceil(performance.now() - started)} ms` };
  } catch (error) {
    deps.logger.warn(`not ready: ${errorLine(error)}`);
    return { name: 'database', ok: false, detail: 'cannot be queried; the log of zeekway says why' };
  }
}
