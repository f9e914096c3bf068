import { useAnswer } from '../api/request.js';
import type { Peer, Readiness, Row } from '../api/types.js';
import { compact, interval } from '../format.js';

const EVERY_MS = 10_000;

/** Whether the gateway does its work, its peers, and when each of them last sent something. */
export function Health() {
  const ready = useAnswer<Readiness>('/readyz', EVERY_MS);
  const { data: listed } = useAnswer<{ peers: readonly Peer[] }>('/v1/peers', EVERY_MS);
  const { data: ingest } = useAnswer<{ streams: readonly Row[] }>('/v1/ingest', EVERY_MS);
  const isReady = ready.data?.ready === true && !ready.problem;
  const peers = listed?.peers ?? [];
  const peered = peers.filter(({ state }) => state === 'peered').length;
  const state = ready.isLoading && !ready.data ? 'Asking …' : isReady ? 'Ready' : 'Not ready';
  return (
    <details class="health" open>
      <summary>
        <span class={isReady ? 'lamp good' : 'lamp bad'} aria-hidden="true">
          {isReady ? '●' : '▲'}
        </span>{' '}
        {state} · {peers.length === 0 ? 'no peers' : `${peered} of ${peers.length} peers`}
      </summary>
      {ready.problem && <p class="note">{ready.problem.message}</p>}
      <ul>
        {ready.data?.checks
          .filter(({ ok }) => !ok)
          .map(({ name, detail }) => (
            <li key={name}>
              <b>{name}</b> {detail}
            </li>
          ))}
        {peers.map((peer) => (
          <li key={`${peer.address} ${peer.url}`} title={peer.lastError ?? peer.url ?? peer.address}>
            <b>{peer.node ?? peer.address}</b> {peer.state}
            {peer.state === 'peered' ? `, ${compact(peer.bytesIn)}B in` : ''}
          </li>
        ))}
      </ul>
      <Ingest streams={streamsOf(ingest)} />
    </details>
  );
}

interface Stream {
  readonly name: string;
  readonly records: number;
  readonly age: number | undefined;
}

function streamsOf(ingest: { streams: readonly Row[] } | undefined): Stream[] {
  return (ingest?.streams ?? []).map((row) => ({
    name: [row['node'] ?? row['name'] ?? row['peer'], row['path'] ?? row['stream']].filter(Boolean).join(' '),
    records: Number(row['records'] ?? 0),
    age: row['age'] === undefined ? undefined : Number(row['age']),
  }));
}

function Ingest({ streams }: { streams: readonly Stream[] }) {
  if (streams.length === 0) return null;
  return (
    <ul aria-label="Ingest">
      {streams.map(({ name, records, age }) => (
        <li key={name}>
          <b>{name}</b> {compact(records)}
          {age === undefined ? '' : `, ${interval(age)} ago`}
        </li>
      ))}
    </ul>
  );
}
