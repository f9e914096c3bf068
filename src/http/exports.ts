import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ZeekwayError } from '../core/errors.js';
import { API_IDLE_MS, EXPORT_STREAMS, EXPORT_TIMEOUT_MS } from '../core/limits.js';
import { type LogDescription, sourcesById } from '../storage/queries/catalogue.js';
import { type Query, read } from '../storage/queries/query.js';
import type { RowsRequest, StoredRow } from '../storage/queries/rows.js';
import { streamedRows } from '../storage/queries/stream.js';
import type { ServerDeps } from './context.js';
import type { Export, ExportColumn, ExportRow, Format } from './formats/format.js';
import { problemOf } from './problem.js';
import type { Selection } from './rows.js';
import { columnKeys, sourceJson } from './values.js';

/** The exports that are running: whole results, sent as they are read, for as long as clients take to read them. */
export class Exports {
  private readonly running = new Set<AbortController>();

  constructor(private readonly deps: Pick<ServerDeps, 'pool' | 'exportTimeoutMs'>) {}

  /**
   * Answers a request with what `prepare` finds, in one transaction that ends with the answer. An error before the
   * first piece is thrown; one behind it cuts the connection, so that no client takes a part for the whole.
   */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    format: Format,
    prepare: (query: Query) => Promise<Export>,
  ): Promise<FastifyReply> {
    if (this.running.size >= EXPORT_STREAMS) {
      throw new ZeekwayError('too_many_exports', `${EXPORT_STREAMS} exports are running`);
    }
    const gone = new AbortController();
    this.running.add(gone);
    reply.raw.once('close', () => gone.abort());
    const { pool, exportTimeoutMs: timeoutMs = EXPORT_TIMEOUT_MS } = this.deps;
    // The database's limit comes first, but for a client that takes a byte now and then.
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs + API_IDLE_MS)]);
    const outlet = new Outlet(request, reply, format, signal);
    try {
      await read(pool, { timeoutMs, signal }, async (query) => {
        const rows = await prepare(query);
        if (request.method === 'HEAD') outlet.begin(rows.path);
        else for await (const piece of format.write(rows)) await outlet.put(rows.path, piece);
      });
      reply.raw.end();
    } catch (error) {
      if (!outlet.hasBegun) throw error;
      await outlet.breakOff(error as FastifyError);
    } finally {
      this.running.delete(gone);
    }
    return reply;
  }

  /** Breaks off all of them. */
  close(): void {
    for (const one of this.running) one.abort();
  }
}

/** Where the pieces of an export go: the client's connection, no faster than the client reads. */
class Outlet {
  hasBegun = false;
  private readonly raw: ServerResponse;

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly format: Format,
    private readonly signal: AbortSignal,
  ) {
    this.raw = reply.raw;
    this.allowIdle(EXPORT_TIMEOUT_MS);
  }

  async put(path: string, piece: string | Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    this.begin(path);
    if (piece.length === 0 || this.raw.write(piece)) return;
    this.allowIdle(API_IDLE_MS);
    await once(this.raw, 'drain', { signal: this.signal });
    this.allowIdle(EXPORT_TIMEOUT_MS);
  }

  /** A chunked answer without its last chunk is an error for every client. */
  async breakOff(error: FastifyError): Promise<void> {
    if (!this.raw.destroyed && !this.signal.aborted) {
      this.allowIdle(API_IDLE_MS);
      const problem = problemOf(error, this.request);
      const words = this.format.lastWords?.(problem);
      if (words !== undefined) {
        const gone = once(this.raw, 'close');
        await Promise.race([new Promise((resolve) => this.raw.write(words, resolve)), gone]);
      }
    }
    this.raw.destroy();
  }

  /** Sends the headers, once. */
  begin(path: string): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const { mediaType, extension } = this.format;
    const file = `${path.replace(/[^\w.-]/g, '_')}.${extension}`;
    this.reply
      .header('content-type', mediaType)
      .header('content-disposition', `attachment; filename="${file}"`)
      .hijack();
    this.raw.writeHead(200, this.reply.getHeaders() as OutgoingHttpHeaders);
  }

  /** The server cuts connections on which nothing happens: here only a client that does not read is to blame. */
  private allowIdle(ms: number): void {
    const { socket } = this.request.raw;
    if (socket instanceof Socket) socket.setTimeout(ms);
  }
}

const ORIGIN = {
  received: { field: '_received', zeekType: 'time', sqlType: 'timestamptz', column: '_received' },
  source: { field: '_source', zeekType: 'string', sqlType: 'text', column: '_source' },
} as const;

/**
 * The rows of a request as formats write them. The first ones have come: what is wrong with the query is an error before
 * there is an answer.
 */
export async function exportOf(
  query: Query,
  log: LogDescription,
  selection: Selection,
  asked: RowsRequest,
): Promise<Export> {
  const keys = columnKeys(log.columns);
  const columns: ExportColumn[] = selection.columns.map((column) => ({
    ...column,
    key: keys.get(column) ?? column.column,
  }));
  if (selection.received) columns.push({ ...ORIGIN.received, key: '_received' });
  if (selection.source) columns.push({ ...ORIGIN.source, key: '_source', isJson: true });
  const batches = exportRows(query, selection, streamedRows(query, log, asked));
  return { path: log.path, columns, batches: resumed(await batches.next(), batches) };
}

async function* resumed<T>(first: IteratorResult<T, void>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value;
  yield* rest;
}

/** Rows with the columns that tell where they came from. */
async function* exportRows(
  query: Query,
  { received, source }: Selection,
  batches: AsyncIterable<StoredRow[]>,
): AsyncGenerator<ExportRow[]> {
  const sources = new Map<string, string>();
  for await (const rows of batches) {
    if (source) await learnSources(query, sources, rows);
    yield rows.map((row) => [
      ...row.cells,
      ...(received ? [row.received] : []),
      ...(source ? [sources.get(row.sourceId) ?? '{}'] : []),
    ]);
  }
}

async function learnSources(query: Query, known: Map<string, string>, rows: StoredRow[]): Promise<void> {
  const ids = new Set(rows.map(({ sourceId }) => sourceId).filter((id) => !known.has(id)));
  const found = await sourcesById(query, ids);
  for (const id of ids) known.set(id, JSON.stringify(sourceJson(found.get(id))));
}
