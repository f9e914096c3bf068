import type { ExecutionContext } from 'ava';
import { curveKeyPair, Push, XPublisher, XSubscriber } from 'zeromq';
import { zeroMqParts } from '../../src/protocol/zeromq/messages.js';

/** Zeek's variables with a key for each side, as text. */
export function curveEnvironment(): Record<string, string> {
  const [client, server] = [curveKeyPair(), curveKeyPair()];
  const variable = (name: string): string => `ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_${name}`;
  return {
    [variable('CLIENT_PUBLICKEY')]: client.publicKey,
    [variable('CLIENT_SECRETKEY')]: client.secretKey,
    [variable('SERVER_PUBLICKEY')]: server.publicKey,
    [variable('SERVER_SECRETKEY')]: server.secretKey,
  };
}

const portOf = (endpoint: string | null): string => /\d+$/.exec(endpoint ?? '')?.[0] ?? '';

/**
 * The proxy of a cluster, as its manager runs it; not zeromq.js's own, which takes a thread of Node's pool.
 * @returns the URL for a peer, and what ends it.
 */
export async function startProxy(
  t: ExecutionContext,
  curve: object = {},
): Promise<{ url: string; stop: () => void }> {
  const publishers = new XSubscriber({ linger: 0, ...curve });
  const subscribers = new XPublisher({ linger: 0, verbosity: 'allSubs', ...curve });
  await publishers.bind('tcp://127.0.0.1:*');
  await subscribers.bind('tcp://127.0.0.1:*');
  const xpub = portOf(subscribers.lastEndpoint);
  const xsub = portOf(publishers.lastEndpoint);
  const forwarding = Promise.all([forward(publishers, subscribers), forward(subscribers, publishers)]);
  const stop = (): void => {
    publishers.close();
    subscribers.close();
  };
  t.teardown(async () => {
    stop();
    await forwarding;
  });
  return { url: `zeromq://127.0.0.1?xpub=${xpub}&xsub=${xsub}`, stop };
}

async function forward(from: XSubscriber | XPublisher, to: XSubscriber | XPublisher): Promise<void> {
  for await (const parts of from) if (!to.closed) await to.send(parts);
}

/** A node that only pushes log batches. */
export function pusher(t: ExecutionContext, port: number, curve: object = {}): Push {
  const push = new Push({ linger: 0, ...curve });
  t.teardown(() => push.close());
  push.connect(`tcp://127.0.0.1:${port}`);
  return push;
}

export const logBatch = (sender: string, payload: Uint8Array): Uint8Array[] =>
  zeroMqParts({ type: 'log-batch', topic: 'log-write', sender, format: 'zeek-bin-serializer', payload });
