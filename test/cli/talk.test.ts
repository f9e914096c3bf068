import test, { type ExecutionContext } from 'ava';
import { publishCommand, subscribeCommand } from '../../src/cli/talk-commands.js';
import { Address, Subnet } from '../../src/codec/address.js';
import { count, enumValue, string, timespan } from '../../src/codec/value.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import { until } from '../bridge/numbers.js';
import { startProxy } from '../support/zeromq-cluster.js';

const NEVER = new AbortController().signal;

/** What a command tells, line by line. */
function terminal() {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    streams: { out: (line: string) => out.push(line), err: (line: string) => err.push(line) },
  };
}

/** An endpoint that hears all, and the URL of it or of the proxy that it is at. */
async function listener(t: ExecutionContext, transport: 'broker' | 'zeromq') {
  const endpoint = new Endpoint();
  t.teardown(() => endpoint.close());
  if (transport === 'broker') {
    const { port } = await endpoint.listen('broker://127.0.0.1:0?tls=off');
    return { endpoint, url: `broker://127.0.0.1:${port}?tls=off` };
  }
  const { url } = await startProxy(t);
  endpoint.peer(url);
  return { endpoint, url };
}

const EVENT = {
  topic: 'my/topic',
  event: 'My::alarm',
  args: ['5', '1.2.3.4', '10.0.0.0/8', '5sec', 'Notice::LOG', '"two words"'],
};

for (const transport of ['broker', 'zeromq'] as const) {
  test(`an event is published over ${transport}, and printed by a subscriber`, async (t) => {
    const { endpoint, url } = await listener(t, transport);
    const messages = endpoint.subscribe(['my/']);
    const { streams, err } = terminal();
    const flags = { peer: [url], listen: [], wait: 20 };
    t.is(await publishCommand(EVENT, flags, streams, NEVER), 0);
    const { value } = await messages.next();
    t.deepEqual(value.events[0]?.args, [
      count(5),
      { type: 'address', value: Address.parse('1.2.3.4') },
      { type: 'subnet', value: Subnet.parse('10.0.0.0/8') },
      timespan(5_000_000_000n),
      enumValue('Notice::LOG'),
      string('two words'),
    ]);
    t.regex(
      err.at(-2) ?? '',
      /sent My::alarm\(5, 1\.2\.3\.4, 10\.0\.0\.0\/8, 5secs, Notice::LOG, "two words"\) to 1 peers/,
    );

    const [text, json] = [terminal(), terminal()];
    const subscribing = Promise.all([
      subscribeCommand(['my/'], { ...flags, json: false, count: 1 }, text.streams, NEVER),
      subscribeCommand(['my/'], { ...flags, json: true, count: 1 }, json.streams, NEVER),
    ]);
    await until(t, () => {
      endpoint.publishEvent('my/topic', 'back', ['x\n', count(2n ** 64n - 1n)]);
      return text.out.length + json.out.length === 2;
    });
    t.deepEqual(await subscribing, [0, 0]);
    t.deepEqual(text.out, ['my/topic back("x\\n", 18446744073709551615)']);
    const line = JSON.parse(json.out[0] ?? '');
    t.like(line, { topic: 'my/topic', event: 'back' });
    t.deepEqual(line.args, [
      { '@data-type': 'string', data: 'x\n' },
      { '@data-type': 'count', data: '18446744073709551615' },
    ]);
  });
}

test('when nobody wants the topic it is said, and the exit code is 1', async (t) => {
  const { endpoint, url } = await listener(t, 'broker');
  endpoint.subscribe(['other/']);
  const { streams, err } = terminal();
  t.is(await publishCommand(EVENT, { peer: [url], listen: [], wait: 0.3 }, streams, NEVER), 1);
  t.true(
    err.some((line) => line.includes('no peer subscribed to my/topic')),
    err.join('\n'),
  );
});

test('mistakes are told before anything is connected', async (t) => {
  const { streams } = terminal();
  const flags = { peer: [], listen: [], wait: 1 };
  await t.throwsAsync(publishCommand(EVENT, flags, streams, NEVER), { code: 'endpoint_url_invalid' });
  const wrong = { ...EVENT, args: ['1.2.3.400'] };
  await t.throwsAsync(publishCommand(wrong, flags, streams, NEVER), {
    code: 'notation_invalid',
    message: /^argument 1, 1\.2\.3\.400: /,
  });
});
