/**
 * Runs AVA and ends with a line that CI can read: `N passed, N failed`. Skipped tests are counted in the line
 * before.
 * Arguments are AVA's: files or globs.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const child = spawn('npx', ['--no-install', 'ava', '--tap', ...process.argv.slice(2)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const counts = { passed: 0, failed: 0, skipped: 0 };

for await (const line of createInterface({ input: child.stdout })) {
  const result = /^(not )?ok \d+/.exec(line);
  if (result) counts[/# (SKIP|TODO)\b/.test(line) ? 'skipped' : result[1] ? 'failed' : 'passed'] += 1;
  process.stdout.write(`${line}\n`);
}
const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
if (code !== 0 && counts.failed === 0) {
  // AVA's reporter itself can fail on a failure that it cannot show: the tests behind it were not counted.
  process.stdout.write(`# the run broke off (exit code ${code}): npx ava shows where\n`);
  counts.failed += 1;
}
if (counts.skipped > 0) process.stdout.write(`${counts.skipped} skipped\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = code === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1;
