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
  await page.getByRole('button', { name: 'dns 148' }).click();
  await page.locator('th', { hasText: 'qtype_name' }).waitFor();
  t.is(parameter(page, 'filter'), 'any addr == 10.0.0.2');
  await page.getByRole('button', { name: 'stats 78' }).click();
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
