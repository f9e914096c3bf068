import { pageTest } from './browser.js';

pageTest('the page at /docs: nothing of it is refused, and it asks the API', async ({ t, site, openAny }) => {
  const messages: string[] = [];
  const page = await openAny('docs', async (one) => {
    one.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  });
  const operation = page.locator('.opblock', { hasText: '/v1/logs' }).first();
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.execute').click();
  await operation.locator('.live-responses-table td.response-col_status', { hasText: '200' }).waitFor();
  t.regex((await operation.locator('.live-responses-table').textContent()) ?? '', /"path": "conn"/);
  await page.locator('.btn.authorize').click();
  await page.locator('.dialog-ux input').waitFor();
  t.deepEqual(messages, []);
  t.true(page.url().startsWith(`${site.url}/docs`));
});

pageTest('what a browser asks for by itself is there', async ({ t, openAny }) => {
  const missing: string[] = [];
  const page = await openAny('openapi.json', async (one) => {
    one.on('response', (response) => response.status() >= 400 && missing.push(response.url()));
  });
  const icon = await page.evaluate<[status: number, type: string]>(`fetch('/favicon.ico').then(
    (answer) => [answer.status, answer.headers.get('content-type')])`);
  t.deepEqual(icon, [200, 'image/svg+xml']);
  t.deepEqual(missing, []);
});
