import { LONG, SCENARIOS, SHORT } from './scenarios.js';

/** `npm run chaos [-- short] [-- words of a name]`: all scenarios in their long form, or those with these words. */
const words = process.argv.slice(2).filter((word) => word !== 'short');
const extent = process.argv.includes('short') ? SHORT : LONG;
let failed = 0;
for (const { name, unable, play } of SCENARIOS) {
  if (!words.every((word) => name.includes(word))) continue;
  if (unable !== undefined) {
    process.stdout.write(`skipped  ${name}: ${unable}\n`);
    continue;
  }
  const begin = performance.now();
  const found = await play(extent).catch((error: unknown) => [String(error)]);
  const seconds = Math.round((performance.now() - begin) / 1_000);
  if (found.length > 0) failed += 1;
  process.stdout.write(`${found.length > 0 ? 'FAILED ' : 'ok     '}  ${name} (${seconds} s)\n`);
  for (const line of found) process.stdout.write(`           ${line}\n`);
}
process.exitCode = failed > 0 ? 1 : 0;
