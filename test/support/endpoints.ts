import type { ExecutionContext } from 'ava';
import { Endpoint, type EndpointOptions } from '../../src/peer/endpoint.js';
import type { PeerEvent } from '../../src/peer/status.js';

/** Listens without TLS on a free port. */
export const LISTEN = 'broker://127.0.0.1:0?tls=off';

/** The URL of what listens there. */
export const urlOf = ({ port }: { port: number }, query = 'tls=off'): string =>
  `broker://127.0.0.1:${port}?${query}`;

/** An endpoint that is closed at the end of the test, with the peer events it raised. */
export function testEndpoint(
  t: ExecutionContext,
  options: EndpointOptions = {},
): { endpoint: Endpoint; events: PeerEvent[] } {
  const endpoint = new Endpoint(options);
  const events: PeerEvent[] = [];
  endpoint.on('peer', (event) => events.push(event));
  t.teardown(() => endpoint.close());
  return { endpoint, events };
}

/** Waits for a condition; fails the test when it does not come true. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
