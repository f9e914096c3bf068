import type { Page } from 'playwright-core';
import { pageTest, parameter, rowsTold } from './browser.js';

pageTest('a filter is written with what is offered: fields, operators, values', async ({ t, open }) => {
  const page = await open('?log=conn');
  const items = page.locator('.suggestion');
  await page.keyboard.press('/');
  await page.keyboard.type('serv');
  await items.getByText('service', { exact: true }).waitFor();
  await page.keyboard.press('Tab');
  await items.getByText('==', { exact: true }).waitFor();
  await page.keyboard.press('Tab');
  await items.getByText('"dns"', { exact: true }).waitFor();
  await page.keyboard.press('ArrowDown');
  t.is(await page.locator('.suggestion[aria-selected=true] span').textContent(), '"dns"');
  await page.keyboard.press('Enter');
  t.is(await page.locator('#filter').inputValue(), 'service == "dns" ');
  t.is(parameter(page, 'filter'), null);
  await page.keyboard.press('Enter');
  t.is(parameter(page, 'filter'), 'service == "dns" ');
  await rowsTold(page, '122 rows');
});

pageTest(
  'a filter that is none: the mistake is under its characters, and the rows stay',
  async ({ t, open }) => {
    const page = await open('?log=conn');
    await page.locator('#filter').fill('proto == tcp && servce == "dns"');
    await page.keyboard.press('Enter');
    const mistake = page.locator('.mistake');
    t.regex(
      (await mistake.textContent()) ?? '',
      /at character 17: "servce" is no field.*did you mean "service"/,
    );
    const [marker, places] = await Promise.all([
      mistake.locator('.marker').boundingBox(),
      page.evaluate<{ left: number; size: number }>(`{
      const input = document.getElementById('filter');
      const { font, paddingLeft, borderLeftWidth } = getComputedStyle(input);
      const canvas = document.createElement('canvas').getContext('2d');
      canvas.font = font;
      const { width } = canvas.measureText('x');
      const left = input.getBoundingClientRect().left + parseFloat(paddingLeft) + parseFloat(borderLeftWidth);
      ({ left: left + 16 * width, size: 6 * width });
    }`),
    ]);
    t.true(Math.abs((marker?.x ?? 0) - places.left) < 2, `${marker?.x} ${places.left}`);
    t.true(Math.abs((marker?.width ?? 0) - places.size) < 2, `${marker?.width} ${places.size}`);
    t.is(await page.locator('#filter').getAttribute('aria-invalid'), 'true');
    t.true((await page.locator('.grid tbody tr').count()) > 10);
    await page.locator('#filter').fill('proto == tcp && service == "http"');
    await page.keyboard.press('Enter');
    await mistake.waitFor({ state: 'detached' });
    await rowsTold(page, '45 rows');
  },
);

/** Counts what is asked of the API about connections, apart from what completes while one writes. */
function countAsked(page: Page): { path: string; isCheck: boolean }[] {
  const asked: { path: string; isCheck: boolean }[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    const isCheck = pathname.endsWith('/complete') && searchParams.get('at') === '0';
    if (isCheck || /^\/v1\/(tail|logs\/conn(\/(histogram|aggregate))?)$/.test(pathname))
      asked.push({ path: pathname, isCheck });
  });
  return asked;
}

pageTest('a filter that is none is asked about once, and nothing is asked with it', async ({ t, open }) => {
  const page = await open('?log=conn');
  await page.locator('.top li').nth(3).waitFor();
  await page.waitForLoadState('networkidle');
  const refused: string[] = [];
  page.on('response', (response) => response.status() >= 400 && refused.push(response.url()));
  const asked = countAsked(page);
  await page.locator('#filter').fill('servce == "dns"');
  await page.keyboard.press('Enter');
  await page.locator('.mistake .marker').waitFor();
  await page.waitForTimeout(300);
  t.deepEqual(asked, [{ path: '/v1/logs/conn/complete', isCheck: true }]);
  t.regex(
    (await page.locator('.rows .note').textContent()) ?? '',
    /not valid: these are the rows of the one/,
  );
  // Mended: asked about, then asked with.
  await page.locator('#filter').fill('service == "dns"');
  await page.keyboard.press('Enter');
  await rowsTold(page, '122 rows');
  t.is(asked.filter(({ isCheck }) => isCheck).length, 2);
  t.deepEqual(refused, []);
});

pageTest('a link to a filter that is none', async ({ t, openAny }) => {
  let asked: ReturnType<typeof countAsked> = [];
  const page = await openAny('?log=conn&filter=servce == 1', async (one) => {
    asked = countAsked(one);
  });
  await page.locator('.mistake .marker').waitFor();
  await page.waitForTimeout(300);
  t.deepEqual(asked, [{ path: '/v1/logs/conn/complete', isCheck: true }]);
  await rowsTold(page, 'The filter is not valid');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await page.locator('.grid tbody td').first().waitFor();
});

pageTest('filters that were applied are offered again', async ({ t, open }) => {
  const page = await open('?log=conn');
  await page.locator('#filter').fill('service == "ssh"');
  await page.keyboard.press('Enter');
  await rowsTold(page, '43 rows');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await page.locator('#filter').click();
  await page.locator('.of-recent', { hasText: 'service == "ssh"' }).click();
  await rowsTold(page, '43 rows');
  t.is(parameter(page, 'filter'), 'service == "ssh"');
});

pageTest('a filter goes along to a log that has its fields, and only there', async ({ t, open }) => {
  const page = await open('?log=conn&filter=any addr == 10.0.0.2');
  await page.getByRole('button', { name: /^dns ~?148/ }).click();
  await page.locator('th', { hasText: 'qtype_name' }).waitFor();
  t.is(parameter(page, 'filter'), 'any addr == 10.0.0.2');
  await page.getByRole('button', { name: /^stats ~?78/ }).click();
  await page.locator('.logs [aria-current]', { hasText: 'stats' }).waitFor();
  t.is(parameter(page, 'filter'), null);
});

pageTest('nothing passes: it says so, and how to see more', async ({ t, open, openAny }) => {
  await open();
  const page = await openAny('?log=conn&from=-1h&filter=service == "nothing"');
  await page.getByText('No rows pass this filter in this time.').waitFor();
  await page.getByRole('button', { name: 'Look at all times' }).click();
  await page.locator('.state').getByRole('button', { name: 'Clear the filter' }).click();
  await page.locator('.grid tbody td').first().waitFor();
  t.is(parameter(page, 'filter'), null);
});
