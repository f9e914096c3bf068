import type { App, ServerDeps } from '../context.js';

/** What Prometheus asks for; only where the gateway counts something. */
export function metricsRoutes(app: App, { metrics }: ServerDeps): void {
  if (!metrics) return;
  app.get(
    '/metrics',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['gateway'],
        operationId: 'getMetrics',
        summary: 'Numbers for Prometheus, in its text format',
        produces: ['text/plain'],
        response: { 200: { type: 'string', description: 'The numbers.' } },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await metrics();
      return reply
        .type(contentType)
        .serializer((payload: string) => payload)
        .send(text);
    },
  );
}
