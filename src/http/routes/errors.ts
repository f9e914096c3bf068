import { ERROR_CATALOGUE } from '../../core/errors.js';
import type { App } from '../context.js';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);

/** The catalogue as a page with an anchor for each code: where the `type` of a problem leads. */
function cataloguePage(): string {
  const entries = Object.entries(ERROR_CATALOGUE).map(
    ([code, { summary, action }]) =>
      `<dt id="${code}"><code>${code}</code></dt>\n<dd>${escapeHtml(summary)} ${escapeHtml(action)}</dd>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>zeekway: errors</title></head>
<body><h1>Errors</h1>
<dl>
${entries.join('\n')}
</dl></body></html>
`;
}

export function errorRoutes(app: App): void {
  const page = cataloguePage();
  app.get('/errors', { config: { scope: 'open' }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'").send(page),
  );
}
