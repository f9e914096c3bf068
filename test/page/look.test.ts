import { readFileSync } from 'node:fs';
import test from 'ava';
import { projectFile } from '../support/project.js';
import { pageTest } from './browser.js';

/** The colours of the stylesheet: [light, dark]. */
const colours = new Map(
  [
    ...readFileSync(projectFile('page/style/theme.css'), 'utf8').matchAll(
      /(--[\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g,
    ),
  ].map(([, name, light, dark]) => [name as string, [light as string, dark as string]]),
);

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2.2's contrast ratio. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test('the ratio is that of WCAG', (t) => {
  t.is(contrast('#000000', '#ffffff'), 21);
  t.is(contrast('#777777', '#ffffff').toFixed(2), '4.48');
});

const GROUNDS = ['--ground', '--surface', '--raised'];
const TEXTS: readonly (readonly [text: string, grounds: readonly string[]])[] = [
  ['--text', [...GROUNDS, '--soft', '--bad-soft']],
  ['--muted', GROUNDS],
  ['--accent', GROUNDS],
  ['--bad', ['--ground', '--surface', '--bad-soft']],
  ['--on-accent', ['--accent']],
];
/** Borders of what can be used, the ring of the focus, marks: 3 to 1. */
const MARKS: typeof TEXTS = [
  ...[1, 2, 3, 4, 5, 'other'].map((name) => [`--series-${name}`, ['--ground', '--surface']] as const),
  ['--edge', ['--ground', '--surface']],
  ['--accent', ['--ground', '--surface', '--soft']],
];

for (const [theme, name] of ['light', 'dark'].entries()) {
  test(`contrast of WCAG AA, ${name}`, (t) => {
    for (const [pairs, least] of [
      [TEXTS, 4.5],
      [MARKS, 3],
    ] as const) {
      for (const [front, grounds] of pairs) {
        for (const ground of grounds) {
          const ratio = contrast(colours.get(front)?.[theme] ?? '', colours.get(ground)?.[theme] ?? '');
          t.true(ratio >= least, `${front} on ${ground}: ${ratio}`);
        }
      }
    }
  });
}

pageTest('dark where the system is, and by the switch', async ({ t, open }) => {
  const page = await open('', { colorScheme: 'dark' });
  const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  const rgb = (colour = ''): string =>
    `rgb(${[1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)).join(', ')})`;
  const [light, dark] = (colours.get('--ground') ?? []).map(rgb);
  t.is(await ground(), dark);
  await page.getByRole('button', { name: 'Theme: as the system' }).click();
  await page.getByRole('button', { name: 'Theme: dark' }).click();
  t.is(await ground(), light);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: light' }).waitFor();
  t.is(await ground(), light);
});

pageTest('usable at 200 % of zoom: nothing is cut off at the side', async ({ t, open }) => {
  const page = await open('', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  t.true(width <= 640, `${width}`);
  await page.getByRole('button', { name: /^dns ~?148/ }).click();
  await page.locator('th', { hasText: 'qtype_name' }).waitFor();
  await page.locator('.grid tbody td').first().click();
  await page.locator('.detail').scrollIntoViewIfNeeded();
  t.true(await page.locator('.detail').isVisible());
  t.true((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 640);
});

pageTest('everything that can be used has a name, and shows the focus', async ({ t, open }) => {
  const page = await open();
  const nameless = await page.evaluate<string[]>(`
    [...document.querySelectorAll('button, a, input, select')]
      .filter((one) => !(one.getAttribute('aria-label') ?? (one.labels?.[0] ?? one).textContent).trim())
      .map((one) => one.outerHTML)`);
  t.deepEqual(nameless, []);
  await page.keyboard.press('Tab');
  const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
  t.is(outline, 'solid');
});
