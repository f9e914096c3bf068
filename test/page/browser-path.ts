import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Real Chromium, where there is one: a user's machine need not have it. */

const PLACES = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where Chromium is on this machine. */
export const CHROMIUM = PLACES.find((place) => place !== undefined && place !== '' && existsSync(place));

/** Starts it. */
export const launch = (): Promise<Browser> =>
  // Its sandbox does not work as root in a container; it sees nothing but this project's own page.
  chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
