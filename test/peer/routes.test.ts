import test, { type ExecutionContext } from 'ava';
import { count } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { ROUTE_HOPS } from '../../src/core/limits.js';
import { Endpoint, type EndpointOptions } from '../../src/peer/endpoint.js';
import { parseRoutes } from '../../src/peer/routes.js';
import { eventMessage, readMessages, wholeEventMessage, type ZeekEvent } from '../../src/zeek/message.js';
import { passOn } from '../../src/zeek/route-mark.js';
import { until } from '../bridge/numbers.js';
import { startProxy } from '../support/zeromq-cluster.js';

function open(t: ExecutionContext, options: EndpointOptions = {}): Endpoint {
  const endpoint = new Endpoint(options);
  t.teardown(() => endpoint.close());
  return endpoint;
}

test('routes are read, and what is wrong with them is told', (t) => {
  t.deepEqual(parseRoutes('broker>zeromq=my/a'), [{ from: 'broker', to: 'zeromq', prefix: 'my/a' }]);
  t.deepEqual(parseRoutes('broker<>websocket='), [
    { from: 'broker', to: 'websocket', prefix: '' },
    { from: 'websocket', to: 'broker', prefix: '' },
  ]);
  for (const [text, message] of [
    ['broker=x', /not that form/],
    ['broker>kafka=x', /transports are broker, zeromq, websocket/],
    ['broker>broker=x', /need none/],
  ] as const) {
    t.throws(() => parseRoutes(text), { code: 'route_invalid', message });
  }
});

test('an event is passed on once by each gateway, and by no more than ROUTE_HOPS', (t) => {
  const [message] = readMessages(encodeValue(eventMessage('e', [count(1)], 5n)));
  let event: ZeekEvent | undefined = message?.type === 'event' ? message.event : undefined;
  for (let hop = 0; hop < ROUTE_HOPS; hop++) {
    const passed: ZeekEvent | undefined = event && passOn(event, `gateway-${hop}`);
    if (!passed) return t.fail(`hop ${hop}`);
    const [read] = readMessages(encodeValue(wholeEventMessage(passed)));
    t.deepEqual(read, { type: 'event', event: passed });
    t.is(passOn(passed, `gateway-${hop}`), undefined);
    t.deepEqual(passed.metadata[0], event?.metadata[0]);
    t.is(passed.metadata.length, 2);
    event = passed;
  }
  t.is(event && passOn(event, 'one more'), undefined);
  return undefined;
});

test('a Broker and a ZeroMQ cluster see each other’s events, also with a second gateway beside, and it ends', async (t) => {
  const proxy = await startProxy(t);
  const zeek = open(t);
  const { port } = await zeek.listen('broker://127.0.0.1:0?tls=off');
  const node = open(t);
  const heard = { broker: 0, zeromq: 0 };
  zeek.subscribe(['my/'], ({ events }) => {
    if (events[0]?.name === 'from_zeromq') heard.broker += 1;
  });
  node.subscribe(['my/'], ({ events }) => {
    if (events[0]?.name === 'from_broker') heard.zeromq += 1;
  });
  node.peer(proxy.url);
  const gateways = [0, 1].map(() => open(t, { routes: parseRoutes('broker<>zeromq=my/') }));
  for (const gateway of gateways) {
    gateway.peer(`broker://127.0.0.1:${port}?tls=off`);
    gateway.peer(proxy.url);
  }
  const wanting = (endpoint: Endpoint, transport: string): number =>
    endpoint.peers().filter((peer) => peer.transport === transport && peer.filter.includes('my/')).length;
  await until(
    t,
    () =>
      wanting(zeek, 'broker') === 2 &&
      wanting(node, 'zeromq') === 1 &&
      gateways.every((gateway) => wanting(gateway, 'broker') === 1 && wanting(gateway, 'zeromq') === 1),
  );
  await until(t, () => {
    const from = heard.zeromq;
    if (from === 0) zeek.publishEvent('my/x', 'from_broker', []);
    return from > 0;
  });
  await until(t, () => {
    const from = heard.broker;
    if (from === 0) node.publishEvent('my/x', 'from_zeromq', []);
    return from > 0;
  });
  const counted = (): number =>
    gateways.flatMap((gateway) => gateway.peers()).reduce((sum, peer) => sum + peer.messagesOut, 0);
  // What goes round goes on being sent; what does not has an end.
  let last = -1;
  await until(t, () => {
    const now = counted();
    const isQuiet = now === last;
    last = now;
    return isQuiet;
  });
  t.pass();
});
