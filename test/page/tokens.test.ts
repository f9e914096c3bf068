import type { ExecutionContext } from 'ava';
import { TokenGate } from '../../src/access/token-gate.js';
import type { LiveRows } from '../../src/live/live-rows.js';
import { systemClock } from '../../src/peer/system.js';
import { createToken, revokeToken } from '../../src/storage/tokens.js';
import { openApi } from '../http/api.js';
import { testDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { silentLogger } from '../support/logger.js';
import { pageTest, rowsTold } from './browser.js';
import { conn } from './live-conn.js';

/** The same logs behind a gate that wants a token. */
async function openGuarded(t: ExecutionContext, live: LiveRows, name: string) {
  const { db } = await testDatabase(t);
  const gate = new TokenGate({
    pool: db.pool,
    clock: systemClock,
    logger: silentLogger,
    isRequired: true,
    configured: { tokens: new Map(), publish: new Map() },
    intervals: { refreshMs: 100, usedMs: 60_000 },
  });
  const { token: reads } = await createToken(db.pool, { name, scopes: ['read'] });
  const { token: publishes } = await createToken(db.pool, { name: `${name}-publish`, scopes: ['publish'] });
  await gate.start();
  const { server } = await openApi(t, { gate, live });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(async () => {
    await gate.close();
    await server.close();
  });
  return { url, reads, publishes, revoke: () => revokeToken(db.pool, name) };
}

pageTest('tokens: none, a wrong one, one that may not read, one that may', async ({ t, site, openAny }) => {
  const { url, reads, publishes } = await openGuarded(t, site.live, 'form');
  const page = await openAny(`${url}/?log=conn&filter=service == "dns"`);
  await page.getByLabel('The API asks for a token.').fill('zk_wrong');
  t.is(await page.locator('.problem').count(), 0);
  await page.keyboard.press('Enter');
  await page.getByLabel('The API does not take this token.').fill(publishes);
  await page.keyboard.press('Enter');
  await page.getByLabel('This token may not read.').fill(reads);
  await page.keyboard.press('Enter');
  await rowsTold(page, '122 rows');
  await page.locator('.histogram .note', { hasText: '122 rows' }).waitFor();
  await page.locator('.top li').first().waitFor();
  t.is(await page.locator('.token').count(), 0);
  // Whoever loads it again need not say it again; another window has to.
  await page.reload();
  await rowsTold(page, '122 rows');
  const other = await openAny(`${url}/`);
  await other.getByLabel('The API asks for a token.').waitFor();
});

pageTest('the live tail with a token, which is revoked', async ({ t, site, openAny }) => {
  const { url, reads, revoke } = await openGuarded(t, site.live, 'tail');
  const page = await openAny(`${url}/?log=conn&columns=uid,service&live=1`);
  await page.getByLabel('The API asks for a token.').fill(reads);
  await page.keyboard.press('Enter');
  await page.locator('.live', { hasText: '● live' }).waitFor();
  await until('the gateway watches', () => site.live.watchers === 1);
  site.live.offer([conn('Ctoken1')]);
  await page.locator('.grid tbody td', { hasText: 'Ctoken1' }).waitFor();
  t.is((await revoke())?.name, 'tail');
  // With the next beat the tail ends, and who asks again is asked for a token.
  await page.getByLabel('The API does not take this token.').waitFor({ timeout: 40_000 });
  t.is(site.live.watchers, 0);
  // What is there may be read on.
  t.true(await page.locator('.grid tbody td', { hasText: 'Ctoken1' }).isVisible());
});
