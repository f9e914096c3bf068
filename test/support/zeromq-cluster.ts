import type { ExecutionContext } from 'ava';
import { curveKeyPair, Push, XPublisher, XSubscriber, Proxy as ZeromqProxy } from 'zeromq';
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

/** The proxy of a cluster, as its manager runs it. @returns the URL for a peer, and what ends it. */
export async function startProxy(t: ExecutionContext): Promise<{ url: string; stop: () => void }> {
  const proxy = new ZeromqProxy(new XSubscriber({ linger: 0 }), new XPublisher({ linger: 0 }));
  await proxy.frontEnd.bind('tcp://127.0.0.1:*');
  await proxy.backEnd.bind('tcp://127.0.0.1:*');
  const xpub = portOf(proxy.backEnd.lastEndpoint);
  const xsub = portOf(proxy.frontEnd.lastEndpoint);
  const running = proxy.run();
  let isStopped = false;
  const stop = (): void => {
    if (isStopped) return;
    isStopped = true;
    proxy.terminate();
  };
  t.teardown(async () => {
    stop();
    await running;
  });
  return { url: `zeromq://127.0.0.1?xpub=${xpub}&xsub=${xsub}`, stop };
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
