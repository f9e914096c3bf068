import type { FastifyRequest } from 'fastify';
import { AUDIT_TARGET_CHARS } from '../core/limits.js';
import { maskSecrets } from '../core/secrets.js';
import type { AuditEntry } from '../storage/audit.js';
import { callerOf } from './access.js';
import type { App, ServerDeps } from './context.js';
import { SAFE_METHODS } from './cross-site.js';
import { storedText } from './values.js';

/** What of a body an entry tells. */
const BODY_PARTS = ['topic', 'name', 'url'];
/** What may be a URL with a password. */
const URL_PARTS: ReadonlySet<string> = new Set(['id', 'url']);

/**
 * Keeps a record of each request to a route that changes something, also of those that were refused: as a line of the
 * log, and in the audit log. There, those that came too often (429) are left out: nobody is to fill the disk by asking.
 */
export function auditChanges(app: App, { audit }: Pick<ServerDeps, 'audit'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const { url: route, config } = request.routeOptions;
    if (SAFE_METHODS.has(request.method) || route === undefined || config.scope === undefined) return;
    const { statusCode: status } = reply;
    const { token, name } = callerOf(request);
    const entry: AuditEntry = {
      time: new Date(),
      token,
      name,
      address: request.ip,
      method: request.method,
      route,
      target: targetOf(request),
      status,
    };
    const { time: _, ...fields } = entry;
    request.log.info(fields, 'a request to change something');
    if (status !== 429) audit?.(entry);
  });
}

/** What a request is about: the parameters of its path and its query, and some of its body. */
function targetOf({ params, query, body }: FastifyRequest): Record<string, string> {
  const inBody = Object.entries(Object(body)).filter(([name]) => BODY_PARTS.includes(name));
  const parts = [...Object.entries(Object(params)), ...Object.entries(Object(query)), ...inBody];
  return Object.fromEntries(
    parts
      .filter(([name]) => name !== 'token')
      .map(([name, value]) => {
        const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
        const shown = URL_PARTS.has(name) ? maskSecrets(text) : text;
        return [storedText(name), storedText(shown.toWellFormed()).slice(0, AUDIT_TARGET_CHARS)];
      }),
  );
}
