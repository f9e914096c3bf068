import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditLog } from '../access/audit-log.js';
import type { Commit } from '../bridge/batch-writer.js';
import type { RowItems } from '../bridge/row-items.js';
import type { Door } from '../door/door.js';
import type { LiveRows } from '../live/live-rows.js';
import type { PeerStatus } from '../peer/status.js';
import type { StoreStatus } from '../store/store.js';
import type { LiveIngest } from './live-ingest.js';
import type { ConfiguredStores } from './stores.js';

/** What the metrics are read from when somebody asks for them. */
export interface MetricsSources {
  readonly ingest: Pick<LiveIngest, 'spool' | 'bridge'>;
  readonly peers: () => readonly PeerStatus[];
  readonly door: Pick<Door, 'clients' | 'counts' | 'overflow'>;
  readonly live: Pick<LiveRows, 'watchers' | 'counts'>;
  readonly audit: Pick<AuditLog, 'unwritten'>;
  readonly stores: () => readonly StoreStatus[];
  readonly mirror: Pick<ConfiguredStores, 'mirrorWaiting'>;
}

/** The numbers of a gateway for Prometheus; docs/operations.md lists them. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly records: Counter<'path' | 'peer'>;
  private readonly recordBytes: Counter<'path'>;
  private readonly commitSeconds: Histogram;
  private readonly commitRows: Histogram;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.records = new Counter({
      name: 'zeekway_rows_committed_total',
      help: 'Rows in the database: by log path (events, identifiers and dead letters under their table) and by the peer that sent them (its node name where it said one, else its address)',
      labelNames: ['path', 'peer'],
      registers,
    });
    this.recordBytes = new Counter({
      name: 'zeekway_row_bytes_committed_total',
      help: 'Bytes of these rows in the format of COPY',
      labelNames: ['path'],
      registers,
    });
    this.commitSeconds = new Histogram({
      name: 'zeekway_commit_seconds',
      help: 'How long a transaction took, from BEGIN to COMMIT',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    this.commitRows = new Histogram({
      name: 'zeekway_commit_rows',
      help: 'Rows of a transaction',
      buckets: [1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000],
      registers,
    });
  }

  /** Counts what was stored. */
  committed({ sets, milliseconds }: Commit): void {
    if (sets.length === 0) return;
    this.commitSeconds.observe(milliseconds / 1_000);
    this.commitRows.observe(sets.reduce((sum, { rows }) => sum + rows, 0));
    for (const { target, items, chunks } of sets) {
      const path = target.path ?? target.table;
      for (const [peer, rows] of rowsByPeer(items)) this.records.inc({ path, peer }, rows);
      this.recordBytes.inc(
        { path },
        chunks.reduce((sum, { length }) => sum + length, 0),
      );
    }
  }

  /** Has what others count read from them at each scrape. */
  observe({ ingest, peers, door, live, audit, stores, mirror }: MetricsSources): void {
    const { spool, bridge } = ingest;
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    };
    /** Counters that are kept elsewhere: by label value. */
    const counted = (
      name: string,
      help: string,
      label: string,
      values: () => Iterable<[string, number]>,
    ): void => {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect() {
          this.reset();
          for (const [value, count] of values()) this.inc({ [label]: value }, count);
        },
      });
    };
    const counter = (name: string, help: string, value: () => number): void => {
      new Counter({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.reset();
          this.inc(value());
        },
      });
    };
    gauge('zeekway_database_up', '1 when the database takes what it is given', () =>
      bridge.status.database.state === 'ok' ? 1 : 0,
    );
    gauge('zeekway_spool_up', '1 when the spool takes what comes', () =>
      spool.status.state === 'ok' ? 1 : 0,
    );
    gauge(
      'zeekway_spool_bytes',
      'Bytes on the disk that the database does not have',
      () => spool.status.bytes,
    );
    gauge('zeekway_spool_size_bytes', 'How many there may be', () => spool.status.sizeBytes);
    gauge('zeekway_spool_entries', 'Messages that the database does not have', () => spool.status.entries);
    counter(
      'zeekway_spool_durable_entries_total',
      'Messages that were made durable since the spool was made',
      () => spool.status.durableEntries,
    );
    gauge('zeekway_spool_unsynced_bytes', 'Bytes on their way to the disk', () => spool.status.unsyncedBytes);
    gauge(
      'zeekway_spool_oldest_seconds',
      'Age of the oldest message that the database does not have',
      () => spool.status.oldestMs / 1_000,
    );
    counter(
      'zeekway_spool_syncs_total',
      'Groups of messages that were made durable',
      () => spool.status.syncs,
    );
    counter('zeekway_spool_sync_seconds_total', 'How long that took', () => spool.status.syncMs / 1_000);
    counter(
      'zeekway_spool_reads_total',
      'Groups that were read from the disk, since the database was behind',
      () => spool.status.reads,
    );
    gauge(
      'zeekway_waiting_rows',
      'Rows that wait for the database in memory',
      () => bridge.status.waiting.rows,
    );
    gauge('zeekway_waiting_bytes', 'Bytes of these', () => bridge.status.waiting.bytes);
    counted(
      'zeekway_dead_letters_total',
      'What could not be understood or stored, by error code',
      'code',
      () => Object.entries(bridge.status.written.deadLetters).map(([code, count]) => [code, count ?? 0]),
    );
    const byPeer = (count: (peer: PeerStatus) => number) => (): Map<string, number> => {
      const counts = new Map<string, number>();
      for (const peer of peers()) {
        const name = peer.node ?? peer.url ?? peer.address ?? '';
        counts.set(name, (counts.get(name) ?? 0) + count(peer));
      }
      return counts;
    };
    new Gauge({
      name: 'zeekway_peers',
      help: 'Connections and dialled addresses, by state',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const state of ['connecting', 'peered', 'retrying', 'standby'] as const)
          this.set({ state }, peers().filter((peer) => peer.state === state).length);
      },
    });
    counted(
      'zeekway_peer_received_bytes_total',
      'Bytes of the connection that stands',
      'peer',
      byPeer(({ bytesIn }) => bytesIn),
    );
    counted(
      'zeekway_peer_sent_bytes_total',
      'Bytes of the connection that stands',
      'peer',
      byPeer(({ bytesOut }) => bytesOut),
    );
    counted(
      'zeekway_peer_received_messages_total',
      'Messages (batches) of the connection that stands',
      'peer',
      byPeer(({ messagesIn }) => messagesIn),
    );
    counted(
      'zeekway_peer_sent_messages_total',
      'Messages of the connection that stands',
      'peer',
      byPeer(({ messagesOut }) => messagesOut),
    );
    counted(
      'zeekway_peer_dropped_messages_total',
      'Messages to a peer that reads too slowly',
      'peer',
      byPeer(({ dropped }) => dropped),
    );
    counted(
      'zeekway_peer_ignored_frames_total',
      'Frames that could not be understood',
      'peer',
      byPeer(({ ignoredFrames }) => ignoredFrames),
    );
    counter(
      'zeekway_audit_unwritten_total',
      'Requests to change something that are in the log only, since the database did not take them',
      () => audit.unwritten,
    );
    gauge('zeekway_door_clients', 'WebSocket clients', () => door.clients().length);
    counter('zeekway_door_sent_messages_total', 'Messages to each of them', () => door.counts.sent);
    counted(
      'zeekway_door_dropped_messages_total',
      'Messages that a client was too slow for, by what is done with them',
      'policy',
      () => [[door.overflow, door.counts.dropped]],
    );
    counter(
      'zeekway_door_published_messages_total',
      'Events that clients published',
      () => door.counts.published,
    );
    counter(
      'zeekway_door_undecodable_messages_total',
      'Messages that clients cannot have, since they are no values',
      () => door.counts.undecodable,
    );
    counted(
      'zeekway_door_refused_total',
      'Connections that were not let in and events that a client may not publish, by error code',
      'code',
      () => door.counts.refused,
    );
    gauge('zeekway_tail_watches', 'Logs that clients of the live tail watch', () => live.watchers);
    counter('zeekway_tail_sent_rows_total', 'Rows to each of them', () => live.counts.delivered);
    counter(
      'zeekway_tail_dropped_rows_total',
      'Rows that a client was too slow for',
      () => live.counts.dropped,
    );
    const byStore = (name: string, help: string, value: (status: StoreStatus) => number): void => {
      new Gauge({
        name,
        help,
        labelNames: ['store', 'role'],
        registers: [this.registry],
        collect() {
          this.reset();
          for (const status of stores()) this.set({ store: status.name, role: status.role }, value(status));
        },
      });
    };
    byStore('zeekway_store_up', '1 when a data store can be read and written', ({ state }) =>
      state === 'ready' ? 1 : 0,
    );
    byStore('zeekway_store_entries', 'Entries of a data store', ({ entries }) => entries);
    byStore('zeekway_store_pending_writes', 'Writes that are not confirmed', ({ pending }) => pending);
    gauge(
      'zeekway_store_history_waiting_changes',
      'Changes of data stores that wait to be written into the history',
      () => mirror.mirrorWaiting,
    );
  }

  /** All of it in Prometheus' text format, and the content type. */
  async render(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}

function rowsByPeer(items: RowItems): Map<string, number> {
  const rows = new Map<string, number>();
  for (const { item, count } of items.runs()) {
    const peer = item.origin.node ?? item.origin.name;
    rows.set(peer, (rows.get(peer) ?? 0) + count);
  }
  return rows;
}
