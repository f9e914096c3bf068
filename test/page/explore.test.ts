import type { Page } from 'playwright-core';
import { holds, pageTest, parameter, rowsTold } from './browser.js';

const cells = (page: Page, column: number): Promise<string[]> =>
  page.locator(`.grid tbody td:nth-child(${column})`).allTextContents();

pageTest('it shows the logs with their rows, and those of the connections', async ({ t, open }) => {
  const page = await open();
  t.is(await page.title(), 'zeekway');
  t.regex((await page.locator('.logs [aria-current]').textContent()) ?? '', /^conn~?332$/);
  t.true((await page.locator('.logs li').count()) > 20);
  await rowsTold(page, '200 rows loaded, more as you scroll');
  t.is((await cells(page, 1))[0], '2026-06-03 18:19:15.686');
  t.regex((await page.locator('.histogram .note').textContent()) ?? '', /^332 rows, a bar is/);
  t.is(await page.locator('.plot canvas').count(), 1);
});

pageTest('another log has its own columns', async ({ t, open }) => {
  const page = await open();
  await page.getByRole('button', { name: /^dns ~?148/ }).click();
  await page.locator('th', { hasText: 'qtype_name' }).waitFor();
  t.is(parameter(page, 'log'), 'dns');
  await rowsTold(page, '148 rows');
});

pageTest(
  'only rows that are seen are in the document; the others come as one scrolls',
  async ({ t, open }) => {
    const page = await open('?log=conn');
    t.true((await page.locator('.grid tbody tr').count()) < 80);
    await page.locator('.grid').evaluate((grid) => grid.scrollTo(0, grid.scrollHeight));
    await rowsTold(page, '332 rows');
    await page.locator('.grid').evaluate((grid) => grid.scrollTo(0, grid.scrollHeight));
    await page.locator('.grid tr[aria-rowindex="333"]').waitFor();
    t.true((await page.locator('.grid tbody tr').count()) < 80);
  },
);

pageTest('sorting by a column, largest first and smallest first', async ({ t, open }) => {
  const page = await open('?log=conn');
  const header = page.locator('th', { hasText: 'orig_bytes' });
  await header.getByRole('button').click();
  await holds(
    page,
    `document.querySelector('th[aria-sort=descending]')?.textContent?.includes('orig_bytes')`,
  );
  t.is(parameter(page, 'sort'), '-orig_bytes');
  const bytes = async (): Promise<number[]> => (await cells(page, 9)).slice(0, 8).map(Number);
  await holds(page, `Number(document.querySelector('.grid tbody td:nth-child(9)')?.textContent) > 10_000`);
  const largest = await bytes();
  t.deepEqual(
    largest,
    largest.toSorted((a, b) => b - a),
  );
  await header.getByRole('button').click();
  await holds(page, `document.querySelector('.grid tbody td:nth-child(9)')?.textContent === '0'`);
  const smallest = await bytes();
  t.deepEqual(
    smallest,
    smallest.toSorted((a, b) => a - b),
  );
});

pageTest('drawing over the histogram chooses the time, a double click goes back', async ({ t, open }) => {
  const page = await open('?log=conn');
  const box = await page.locator('.plot .u-over').boundingBox();
  if (!box) throw new Error('there is no plot');
  await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30, { steps: 5 });
  await page.mouse.up();
  await holds(page, `new URLSearchParams(location.search).get('to')`);
  const [from, to] = [parameter(page, 'from') ?? '', parameter(page, 'to') ?? ''];
  t.true(from < to && from > '2011' && to < '2018', `${from} ${to}`);
  await holds(page, `!document.querySelector('.histogram .note')?.textContent?.startsWith('332 ')`);
  await page.locator('.grid[aria-busy=false]').waitFor();
  for (const time of await cells(page, 1))
    t.true(time >= from.slice(0, 10) && time <= to.replace('T', ' '), time);
  await page.locator('.plot .u-over').dblclick();
  await page.locator('.histogram .note', { hasText: '332 rows' }).waitFor();
});

pageTest('the histogram split by a field: colours, a legend, in the link', async ({ t, open }) => {
  const page = await open('?log=conn');
  const menu = page.getByLabel('Split by');
  t.is(await page.locator('.legend').count(), 0);
  t.deepEqual((await menu.locator('option').allTextContents()).slice(0, 2), ['nothing', 'id.orig_h']);
  const answer = page.waitForResponse(/\/histogram\?.*by=service/);
  await menu.selectOption('service');
  const { buckets, series, other } = await (await answer).json();
  const legend = page.locator('.legend li');
  await legend.nth(5).waitFor();
  t.deepEqual(
    (await legend.allTextContents()).map((text) => text.trim()),
    ['dns 122', 'not set 46', 'http 45', 'ssh 43', 'snmp 39', 'all others 37'],
  );
  t.is(parameter(page, 'split'), 'service');
  // The colours of the bars, from the bottom, in the middle of a bucket with more than one value.
  const all: number[][] = [...series.map(({ counts }: { counts: number[] }) => counts), other];
  const mixed = (index: number): number => all.filter((counts) => (counts[index] ?? 0) > 0).length;
  const at = buckets.reduce(
    (best: number, _: unknown, index: number) => (mixed(index) > mixed(best) ? index : best),
    0,
  );
  t.true(mixed(at) >= 3);
  const [drawn, wanted] = await page.evaluate<[string[], string[]]>(`(() => {
    const canvas = document.querySelector('.plot canvas');
    const over = document.querySelector('.plot .u-over');
    const scale = devicePixelRatio;
    const [left, top] = [parseFloat(over.style.left) * scale, parseFloat(over.style.top) * scale];
    const [width, height] = [over.clientWidth * scale, over.clientHeight * scale];
    const x = Math.round(left + (width * (${at} + 0.4)) / ${buckets.length});
    const pixels = canvas.getContext('2d').getImageData(x, Math.round(top), 1, Math.round(height)).data;
    const rgb = (one) => one.match(/\\d+/g).slice(0, 3).join();
    const known = [...document.querySelectorAll('.legend i')].map((one) => rgb(getComputedStyle(one).backgroundColor));
    const column = [];
    for (let y = pixels.length - 4; y >= 0; y -= 4) {
      const one = [...pixels.slice(y, y + 3)].join();
      if (known.includes(one) && column.at(-1) !== one) column.push(one);
    }
    return [column, known];
  })()`);
  const present = wanted.filter((_, index) => (all[index]?.[at] ?? 0) > 0);
  t.deepEqual(drawn, present);
  // Somebody else sees the same.
  const colleague = await open(new URL(page.url()).search);
  await colleague.locator('.legend li').nth(5).waitFor();
  t.is(await colleague.getByLabel('Split by').inputValue(), 'service');
  // Another log is not split by it.
  await page.getByRole('button', { name: /^dns ~?148/ }).click();
  await page.locator('th', { hasText: 'qtype_name' }).waitFor();
  t.is(parameter(page, 'split'), null);
  t.is(await page.locator('.legend').count(), 0);
});

pageTest('a link that splits by what is no field says so', async ({ t, open }) => {
  const page = await open('?log=conn&split=servce');
  await page.locator('.histogram .note', { hasText: 'did you mean' }).waitFor();
  await page.getByLabel('Split by').selectOption('');
  await page.locator('.histogram .note', { hasText: '332 rows' }).waitFor();
  t.is(parameter(page, 'split'), null);
});

pageTest('a row has all its fields, and leads to everything of its connection', async ({ t, open }) => {
  const page = await open('?log=http');
  await page.locator('.grid tbody td').first().click();
  const detail = page.locator('.detail');
  await detail.locator('dt', { hasText: 'user_agent' }).waitFor();
  const uid = await detail
    .locator('.field', { hasText: 'uid' })
    .first()
    .locator('.value > span')
    .first()
    .textContent();
  await detail.getByRole('button', { name: 'Everything of this connection' }).click();
  await page.locator('.pivot li').first().waitFor();
  t.is(parameter(page, 'pivot'), `uid:${uid}`);
  const logs = await page.locator('.pivot li b').allTextContents();
  t.true(logs.includes('conn') && logs.includes('http') && logs.includes('files'), logs.join());
  const times = await page.locator('.pivot li time').allTextContents();
  t.deepEqual(times, times.toSorted());
  await page.locator('.pivot li button', { hasText: 'files' }).first().click();
  await detail.getByRole('button', { name: 'Everything of this file' }).click();
  await page.locator('.pivot h2', { hasText: 'File' }).waitFor();
  t.true((await page.locator('.pivot li b').allTextContents()).includes('files'));
  await page.getByRole('button', { name: 'Back to the log' }).click();
  await page.locator('.grid tbody td').first().waitFor();
});

pageTest('from a row: only this value, not this value, everything about the host', async ({ t, open }) => {
  const page = await open('?log=conn');
  await page.locator('.grid tbody td').first().click();
  await page.getByRole('button', { name: 'Only proto == udp' }).click();
  await page.getByRole('button', { name: 'Not id.resp_p == 161' }).click();
  t.is(parameter(page, 'filter'), 'proto == udp && !(id.resp_p == 161)');
  await page.getByRole('button', { name: 'Everything about 10.0.0.2 in conn' }).click();
  t.is(parameter(page, 'filter'), 'any addr == 10.0.0.2');
  await page.locator('.histogram .note', { hasText: /^[1-9]\d? rows/ }).waitFor();
});

pageTest('the most frequent values: a click adds them to the filter', async ({ t, open }) => {
  const page = await open('?log=conn&filter=proto == tcp || proto == udp');
  const top = page.getByRole('region', { name: 'Most frequent: service' });
  await top.getByRole('button', { name: /^dns/ }).click();
  t.is(parameter(page, 'filter'), '(proto == tcp || proto == udp) && service == "dns"');
  await rowsTold(page, '122 rows');
  await page.goBack();
  await top.getByRole('button', { name: 'not set' }).first().click();
  t.is(parameter(page, 'filter'), '(proto == tcp || proto == udp) && service == unset');
  await page.getByLabel('Add the most frequent values').selectOption('history');
  await page.getByRole('region', { name: 'Most frequent: history' }).locator('li').first().waitFor();
});

pageTest('the keys: j, k, Enter, Esc, / and ?', async ({ t, open }) => {
  const page = await open('?log=conn');
  for (const key of ['j', 'j', 'k', 'j', 'Enter']) await page.keyboard.press(key);
  await page.locator('.detail').waitFor();
  t.is(await page.locator('.grid tr.selected').getAttribute('aria-rowindex'), '3');
  await page.keyboard.press('Escape');
  await page.locator('.detail').waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  await page.locator('dialog[open]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  t.is(await page.evaluate('document.activeElement?.id'), 'filter');
});

pageTest('a link shows somebody else the same, and saved views come back', async ({ t, open }) => {
  const page = await open('?log=dns&filter=qtype_name == "A"&columns=ts,query&sort=query&top=query');
  t.deepEqual(await page.locator('th button').allTextContents(), ['ts', 'query↑']);
  t.deepEqual(await page.locator('.top h3').allTextContents(), ['query']);
  await page.getByPlaceholder('Save this view as').fill('my queries');
  await page.keyboard.press('Enter');
  const address = page.url();
  await page.getByRole('button', { name: /^conn ~?332/ }).click();
  await page.locator('th', { hasText: 'resp_bytes' }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'my queries', exact: true }).click();
  await page.locator('th', { hasText: 'query' }).waitFor();
  const parameters = (url: string) => Object.fromEntries(new URL(url).searchParams);
  t.deepEqual(parameters(page.url()), parameters(address));
});
