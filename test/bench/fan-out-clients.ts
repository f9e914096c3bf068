/** The thread of the clients of `fan-out.ts`: says when all have subscribed, and at the end what they got. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';

export interface FanOutClients {
  readonly url: string;
  readonly clients: number;
  readonly topic: string;
}

export interface FanOutResult {
  readonly received: number;
  readonly p50: number;
  readonly p99: number;
}

const { url, clients, topic } = workerData as FanOutClients;
const latencies: number[] = [];
const acks: Promise<unknown>[] = [];
const sockets = Array.from({ length: clients }, () => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('open', () => socket.send(JSON.stringify([topic])));
  acks.push(
    once(socket, 'message').then(() => {
      socket.on('message', (data: Buffer) => {
        const from = data.indexOf('"#') + 2;
        const sent = BigInt(data.toString('latin1', from, data.indexOf('#"', from)));
        latencies.push(Number(process.hrtime.bigint() - sent) / 1e6);
      });
    }),
  );
  return socket;
});
await Promise.all(acks);
parentPort?.postMessage('ready');
parentPort?.once('message', () => {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  parentPort?.postMessage({ received: sorted.length, p50: at(0.5), p99: at(0.99) });
  for (const socket of sockets) socket.terminate();
});
