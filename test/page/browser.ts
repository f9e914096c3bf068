import test, { type ExecutionContext, type ImplementationFn } from 'ava';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { replayAll } from '../../src/cli/replay.js';
import { LiveRows } from '../../src/live/live-rows.js';
import { openApi, type TestApi } from '../http/api.js';
import { testDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { projectFile } from '../support/project.js';
import { CHROMIUM, launch } from './browser-path.js';

/** A gateway with the demo's recording. */
interface Site {
  readonly api: TestApi;
  readonly url: string;
  readonly live: LiveRows;
}

/** The API and the page on the test file's database, with what `zeekway demo` has. */
async function openSite(t: ExecutionContext): Promise<Site> {
  const { db } = await testDatabase(t);
  const live = new LiveRows();
  const api = await openApi(t, { live });
  const terminal = { out: () => {}, err: () => {} };
  const options = { again: false, speed: 'max' } as const;
  const capture = projectFile('pcaps/broker-cluster.pcap');
  const code = await replayAll(db, [capture], options, terminal, new AbortController().signal);
  if (code !== 0) throw new Error('the recording was not replayed');
  const url = await api.server.listen({ port: 0, host: '127.0.0.1' });
  return { api, url, live };
}

let site: Site | undefined;
let browser: Browser | undefined;

if (CHROMIUM) {
  test.before(async (t) => {
    site = await openSite(t);
    browser = await launch();
  });
  test.after.always(async () => {
    await browser?.close();
    await site?.api.close();
  });
} else {
  test('Chromium is looked for', (t) => {
    t.log('no Chromium on this machine: the tests of the page are skipped (CHROMIUM_PATH says where one is)');
    t.pass();
  });
}

/** What a test of the page has. */
export interface PageTools {
  readonly t: ExecutionContext;
  readonly site: Site;
  /** Opens the page (with a query, or a whole URL), in a browser that has not seen it yet, and waits for its rows. */
  readonly open: (query?: string, options?: BrowserContextOptions) => Promise<Page>;
  /** The same, of a page that has another state than rows. */
  readonly openAny: (
    query?: string,
    prepare?: (page: Page) => Promise<unknown>,
    options?: BrowserContextOptions,
  ) => Promise<Page>;
}

/** A test in the browser; skipped where there is none. Errors of the page's program fail it. */
export function pageTest(title: string, run: (tools: PageTools) => Promise<void>): void {
  const implementation: ImplementationFn<[]> = async (t) => {
    if (!site || !browser) throw new Error('the browser was not started');
    const [here, chrome] = [site, browser];
    const errors: string[] = [];
    const openAny: PageTools['openAny'] = async (query = '', prepare = async () => {}, options = {}) => {
      const context = await chrome.newContext({ viewport: { width: 1_440, height: 860 }, ...options });
      t.teardown(() => context.close());
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('response', (response) => {
        if (response.status() >= 500) t.log(`${response.status()} ${response.url()}`);
      });
      page.on('requestfailed', (request) => t.log(`${request.failure()?.errorText} ${request.url()}`));
      page.on('console', (message) => {
        if (message.text().includes('Content Security Policy')) errors.push(message.text());
      });
      await prepare(page);
      await page.goto(new URL(query, here.url).href);
      return page;
    };
    const open: PageTools['open'] = async (query, options) => {
      const page = await openAny(query, undefined, options);
      try {
        await page.locator('.grid tbody td').first().waitFor({ timeout: 15_000 });
      } catch (error) {
        t.log(`the page shows: ${await page.locator('#app').innerText()}`);
        throw error;
      }
      return page;
    };
    await run({ t, site: here, open, openAny });
    t.deepEqual(errors, []);
  };
  if (CHROMIUM) test.serial(title, implementation);
  else test.skip(title, implementation);
}

/** Waits until the page shows so many rows by its own telling. */
export const rowsTold = (page: Page, text: string): Promise<void> =>
  page.locator('.rows .note', { hasText: text }).waitFor();

/** A parameter of the page's address. */
export const parameter = (page: Page, name: string): string | null =>
  new URL(page.url()).searchParams.get(name);

/** Waits until an expression of JavaScript is true in the page. */
export const holds = (page: Page, expression: string): Promise<void> =>
  until(expression, async () => Boolean(await page.evaluate(expression)));
