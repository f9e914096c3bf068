import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { testEndpoint, until } from '../support/endpoints.js';
import { projectFile } from '../support/project.js';

const readme = readFileSync(projectFile('README.md'), 'utf8');

test('the example of the README peers, receives and answers', async (t) => {
  const zeek = testEndpoint(t);
  const replies = zeek.endpoint.subscribe(['zeek/reply']);
  const { port } = await zeek.endpoint.listen('broker://127.0.0.1:0?tls=off');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]?.replace(':9999', `:${port}`) ?? '';
  // Inside of the package, so that it finds itself by its name.
  const file = projectFile('build/readme-example.mjs');
  writeFileSync(file, code);
  t.teardown(() => rmSync(file));
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  await until('it has subscribed', () => zeek.endpoint.peers()[0]?.filter.includes('zeek/event/') === true);
  zeek.endpoint.publishEvent('zeek/event/x', 'Example::ping', ['hello']);
  const reply = await replies.next();
  t.is(reply.value.events[0].name, 'reply');
  const [exitCode] = await once(child, 'exit');
  t.is(exitCode, 0);
  t.regex(printed, /peer_added 127\.0\.0\.1:\d+\nExample::ping \[ \{ type: 'string', value: 'hello' \} \]/);
});

test('the links of the README lead somewhere', (t) => {
  const links = [...readme.matchAll(/\]\((docs[^)]*)\)/g)].map(([, link]) => link as string);
  t.true(links.length > 5);
  t.deepEqual(
    links.filter((link) => !existsSync(projectFile(link))),
    [],
  );
});

test('every package has its reason in docs/dependencies.md', (t) => {
  const reasons = readFileSync(projectFile('docs/dependencies.md'), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8'));
  const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !name.startsWith('@types/') && !new RegExp(`[|,] ${name}[ ,]`).test(reasons),
  );
  t.deepEqual(missing, []);
});
