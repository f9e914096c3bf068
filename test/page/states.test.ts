import { until } from '../support/endpoints.js';
import { pageTest } from './browser.js';
import { conn } from './live-conn.js';

pageTest(
  'the live tail shows rows as they come, and holds still while it is paused',
  async ({ t, site, open }) => {
    const page = await open('?log=conn&columns=uid,service');
    await page.getByRole('button', { name: 'Live tail' }).click();
    await page.locator('.live', { hasText: '● live' }).waitFor();
    await until('the gateway watches', () => site.live.watchers === 1);
    site.live.offer([conn('Clive1'), conn('Clive2')]);
    await page.locator('.grid tbody td', { hasText: 'Clive2' }).waitFor();
    const uids = page.locator('.grid tbody td:first-child');
    t.deepEqual((await uids.allTextContents()).slice(0, 2), ['Clive2', 'Clive1']);
    await page.getByRole('button', { name: 'Pause' }).click();
    site.live.offer([conn('Clive3')]);
    await page.locator('.live', { hasText: 'paused, 1 wait' }).waitFor();
    t.is(await uids.first().textContent(), 'Clive2');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('.grid tbody td', { hasText: 'Clive3' }).waitFor();
    await page.getByRole('button', { name: 'Live tail' }).click();
    await until('it is let go', () => site.live.watchers === 0);
  },
);

pageTest('where the tail misses rows there is a mark', async ({ t, openAny }) => {
  const body =
    'event: row\ndata: {"path":"conn","row":{"uid":"C1"}}\n\nevent: gap\ndata: {"dropped":1234}\n\n';
  const page = await openAny('?log=conn&live=1', (one) =>
    one.route('**/v1/tail?*', (route) => route.fulfill({ contentType: 'text/event-stream', body })),
  );
  t.regex((await page.locator('tr.gap').first().textContent()) ?? '', /^1,234 rows are missing here/);
});

pageTest('an error of the API is told, with what to do', async ({ t, openAny }) => {
  const problem = {
    detail: 'the query took longer than 30000 ms',
    code: 'query_timeout',
    action: 'Ask for less.',
  };
  const page = await openAny('?log=conn', (one) =>
    one.route(/\/v1\/logs\/conn\?/, (route) =>
      route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
    ),
  );
  t.is(await page.locator('.rows .problem').textContent(), `${problem.detail} ${problem.action}`);
  // What is asked on its own is there.
  await page.locator('.histogram .note', { hasText: '332 rows' }).waitFor();
});

pageTest('a gateway that cannot be reached', async ({ t, openAny }) => {
  const page = await openAny('', (one) => one.route('**/v1/logs', (route) => route.abort()));
  t.regex((await page.locator('.problem').textContent()) ?? '', /^The gateway cannot be reached/);
});

pageTest('without any log it says what to do', async ({ t, openAny }) => {
  const page = await openAny('', (one) =>
    one.route('**/v1/logs', (route) => route.fulfill({ json: { logs: [] } })),
  );
  await page.getByRole('heading', { name: 'No logs yet' }).waitFor();
  t.regex((await page.locator('.state').textContent()) ?? '', /zeekway replay/);
});

pageTest('it asks for a token where the API does, and sends it', async ({ t, openAny }) => {
  const sent: (string | undefined)[] = [];
  const page = await openAny('', (one) =>
    one.route('**/v1/**', (route) => {
      const token = route.request().headers()['authorization'];
      sent.push(token);
      if (token === 'Bearer zk_good') return route.continue();
      const body = JSON.stringify({ detail: 'a token is needed', code: 'unauthorized', action: '' });
      return route.fulfill({ status: 401, contentType: 'application/problem+json', body });
    }),
  );
  await page.getByLabel('The API asks for a token.').fill('zk_bad');
  await page.keyboard.press('Enter');
  await page.getByLabel('The API does not take this token.').fill('zk_good');
  await page.keyboard.press('Enter');
  await page.locator('.grid tbody td').first().waitFor();
  t.is(sent[0], undefined);
  t.true(sent.includes('Bearer zk_bad'));
  t.is(await page.evaluate(`sessionStorage.getItem('zeekway-token')`), 'zk_good');
  t.is(await page.locator('.token').count(), 0);
});

pageTest('what is outdated is cancelled', async ({ t, openAny }) => {
  const cancelled: string[] = [];
  const page = await openAny('?log=conn', async (one) => {
    one.on('requestfailed', (request) => {
      if (/\/v1\/logs\/conn\?.*slow/.test(request.url())) cancelled.push(request.failure()?.errorText ?? '');
    });
    // Never answered: a query of ten million rows.
    await one.route(/\/v1\/logs\/conn\?.*slow/, () => {});
  });
  await page.locator('.grid tbody td').first().waitFor();
  const apply = async (filter: string): Promise<void> => {
    await page.locator('#filter').fill(filter);
    await page.keyboard.press('Enter');
  };
  const slow = page.waitForRequest(/\/v1\/logs\/conn\?.*slow/);
  await apply('service == "slow"');
  await slow;
  await apply('service == "http"');
  await page.locator('.rows .note', { hasText: '45 rows' }).waitFor();
  t.deepEqual(cancelled, ['net::ERR_ABORTED']);
});

pageTest('peers and the state of the gateway', async ({ t, open }) => {
  const page = await open();
  const health = page.locator('.health');
  await health.getByText('worker-1').waitFor();
  t.regex((await health.textContent()) ?? '', /Ready · 0 of 1 peers.*worker-1 retrying/s);
});
