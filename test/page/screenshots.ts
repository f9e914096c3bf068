/**
 * Writes the pictures of the README: `npm run build && node build/test/page/screenshots.js URL`, with the URL of a running
 * `zeekway demo`.
 */
import { projectFile } from '../support/project.js';
import { CHROMIUM, launch } from './browser-path.js';

const [url] = process.argv.slice(2);
if (url === undefined || CHROMIUM === undefined)
  throw new Error('usage: screenshots.js URL, with a Chromium');
const browser = await launch();

const VIEWS = [
  [
    'page-light.png',
    'light',
    '?log=conn&split=service&columns=ts,id.orig_h,id.resp_h,id.resp_p,proto,service,duration,conn_state',
  ],
  ['page-dark.png', 'dark', '?log=dns&filter=qtype_name == "A"&columns=ts,id.orig_h,query,rcode_name,rtt'],
] as const;
for (const [file, colorScheme, query] of VIEWS) {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 720 }, colorScheme });
  await page.goto(`${url}/${query}`);
  await page.locator('.grid tbody td').first().waitFor();
  await page.locator('.top li').first().waitFor();
  if (colorScheme === 'dark') {
    await page.locator('.grid tbody tr').nth(3).click();
    await page.locator('.detail').waitFor();
  }
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: projectFile(`docs/images/${file}`) });
}
await browser.close();
