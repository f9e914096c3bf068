import { readFileSync } from 'node:fs';
import test from 'ava';
import type { RowSet } from '../../src/bridge/batch.js';
import { RowItems } from '../../src/bridge/row-items.js';
import { DEAD_LETTERS } from '../../src/bridge/rows.js';
import type { LiveIngest } from '../../src/cli/live-ingest.js';
import { Metrics, type MetricsSources } from '../../src/cli/metrics.js';
import type { PeerStatus } from '../../src/peer/status.js';
import type { Item } from '../../src/zeek/item.js';
import { numbers } from '../bridge/numbers.js';
import { origin } from '../bridge/support.js';
import { projectFile } from '../support/project.js';

const peer = (address: string, more: Partial<PeerStatus>): PeerStatus => ({
  transport: 'broker',
  address,
  direction: 'in',
  state: 'peered',
  since: 0n,
  filter: [],
  bytesIn: 100,
  bytesOut: 10,
  messagesIn: 5,
  messagesOut: 1,
  dropped: 0,
  ignoredFrames: 0,
  commands: 0,
  queueBytes: 0,
  ...more,
});

/** A gateway that says of itself what a test wants. */
function ingest(): Pick<LiveIngest, 'spool' | 'bridge'> {
  const spool = {
    status: {
      state: 'full',
      bytes: 700,
      sizeBytes: 1_000,
      entries: 7,
      durableEntries: 70,
      unsyncedBytes: 3,
      oldestMs: 1_500,
      syncs: 4,
      syncMs: 250,
      reads: 2,
    },
  };
  const bridge = {
    status: {
      database: { state: 'ok' },
      waiting: { batches: 1, rows: 11, bytes: 1_100 },
      written: { deadLetters: { log_record_malformed: 3 } },
    },
  };
  return { spool, bridge } as unknown as Pick<LiveIngest, 'spool' | 'bridge'>;
}

const door: MetricsSources['door'] = {
  overflow: 'drop_oldest',
  clients: () => [],
  counts: {
    sent: 9,
    dropped: 8,
    published: 7,
    undecodable: 6,
    refused: new Map([
      ['unauthorized', 5],
      ['no_permission', 4],
    ]),
  },
};

const live = { watchers: 3, counts: { delivered: 7, dropped: 2 } };

function filled(): Metrics {
  const metrics = new Metrics();
  const peers = [
    peer('a:1', { node: 'worker-1' }),
    peer('a:2', { node: 'worker-1', bytesIn: 50 }),
    peer('b:1', { state: 'retrying' }),
  ];
  metrics.observe({
    ingest: ingest(),
    peers: () => peers,
    door,
    live,
    audit: { unwritten: 2 },
    stores: () => STORES,
    mirror: { mirrorWaiting: 7 },
  });
  const items = [
    ...numbers({ ...origin('a'), node: 'worker-1' }, 0, 3),
    ...numbers(origin('10.0.0.1'), 3, 2),
  ];
  const set = (target: RowSet['target'], of: readonly Item[]): RowSet => ({
    target,
    items: RowItems.of(of),
    rows: of.length,
    days: new Set(),
    chunks: [Buffer.alloc(60), Buffer.alloc(40)],
  });
  const target = { table: 'logs.numbers', columns: [], path: 'numbers' };
  const sets = [set(target, items), set(DEAD_LETTERS, items.slice(0, 1))];
  metrics.committed({ sets, reached: { entry: 1, item: 0 }, milliseconds: 30 });
  metrics.committed({ sets: [], reached: { entry: 2, item: 0 }, milliseconds: 30 });
  return metrics;
}

const STORES = [
  { name: 'hosts', role: 'clone', state: 'detached', entries: 3, peers: [], pending: 2 },
] as const;

test('what is counted and observed comes out in Prometheus format, each scrape anew', async (t) => {
  const metrics = filled();
  await metrics.render();
  const { contentType, text } = await metrics.render();
  t.regex(contentType, /^text\/plain/);
  const lines = text.split('\n').filter((line) => line.startsWith('zeekway_'));
  for (const expected of [
    'zeekway_rows_committed_total{path="numbers",peer="worker-1"} 3',
    'zeekway_rows_committed_total{path="numbers",peer="10.0.0.1"} 2',
    'zeekway_rows_committed_total{path="zeekway.dead_letters",peer="worker-1"} 1',
    'zeekway_row_bytes_committed_total{path="numbers"} 100',
    'zeekway_commit_seconds_count 1',
    'zeekway_commit_rows_sum 6',
    'zeekway_database_up 1',
    'zeekway_spool_up 0',
    'zeekway_spool_bytes 700',
    'zeekway_spool_oldest_seconds 1.5',
    'zeekway_spool_sync_seconds_total 0.25',
    'zeekway_dead_letters_total{code="log_record_malformed"} 3',
    'zeekway_waiting_rows 11',
    'zeekway_peers{state="peered"} 2',
    'zeekway_peers{state="retrying"} 1',
    'zeekway_peer_received_bytes_total{peer="worker-1"} 150',
    'zeekway_audit_unwritten_total 2',
    'zeekway_door_clients 0',
    'zeekway_door_sent_messages_total 9',
    'zeekway_door_dropped_messages_total{policy="drop_oldest"} 8',
    'zeekway_door_refused_total{code="no_permission"} 4',
    'zeekway_tail_watches 3',
    'zeekway_tail_sent_rows_total 7',
    'zeekway_tail_dropped_rows_total 2',
    'zeekway_store_up{store="hosts",role="clone"} 0',
    'zeekway_store_entries{store="hosts",role="clone"} 3',
    'zeekway_store_pending_writes{store="hosts",role="clone"} 2',
    'zeekway_store_history_waiting_changes 7',
  ]) {
    t.true(lines.includes(expected), `${expected} is not among\n${lines.join('\n')}`);
  }
  t.regex(text, /^nodejs_eventloop_lag_seconds /m);
});

test('docs/operations.md lists the metrics that there are', async (t) => {
  const { text } = await filled().render();
  const told = [...text.matchAll(/^# TYPE (zeekway_\S+) /gm)].map(([, name]) => name);
  const rows = readFileSync(projectFile('docs/operations.md'), 'utf8').matchAll(/^\| `zeekway_.*$/gm);
  const listed = [...rows].flatMap(([row]) =>
    [...(row.split('|')[1] ?? '').matchAll(/`(zeekway_\w+)/g)].map(([, name]) => name),
  );
  t.deepEqual(listed.toSorted(), told.toSorted());
});
