import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, REPLAY_BATCH_ITEMS } from '../core/limits.js';
import type { Item } from '../zeek/item.js';
import type { CapturePacket, CaptureReader } from './capture/capture.js';
import { LINK_LAYERS } from './capture/link-layer.js';
import { readSegment } from './capture/segment.js';
import { isTruncation } from './file-source.js';
import type { Pace } from './pace.js';
import type { ReplayReport } from './report.js';
import type { CaptureWatcher } from './session/capture-session.js';
import { SessionFinder } from './session/session-finder.js';
import { ZeroMqNodes } from './session/zeromq-nodes.js';
import { TcpConnections } from './tcp/connections.js';

export interface CaptureContext {
  /** The base name of the file. */
  readonly file: string;
  readonly report: ReplayReport;
  readonly limits: CodecLimits;
  readonly pace: Pace;
  readonly watcher?: CaptureWatcher | undefined;
}

/**
 * Reads the Broker and ZeroMQ sessions of a capture. Throws `capture_without_broker` at the end where there is none; the
 * warnings of the report say why, as far as it can be known.
 */
export class CaptureReplay {
  private ready: Item[] = [];
  private readonly connections: TcpConnections;

  constructor(
    private readonly reader: CaptureReader,
    private readonly context: CaptureContext,
  ) {
    const { report } = context;
    const session = {
      ...context,
      zeroMq: new ZeroMqNodes(context.file, context.limits),
      emit: (item: Item) => this.ready.push(item),
    };
    this.connections = new TcpConnections((name) => {
      report.connections += 1;
      return new SessionFinder(name, session);
    });
  }

  /**
   * The items in batches, in the order in which their last byte was captured. With a watcher one comes for each chunk
   * of the file, also without items, so that it can be emptied.
   */
  async *items(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Item[]> {
    const { pace, watcher } = this.context;
    try {
      for await (const chunk of bytes) {
        this.reader.push(chunk);
        for (let packet = this.reader.next(); packet; packet = this.reader.next()) {
          if (pace.waitFor(packet.time) > 0) {
            if (this.ready.length > 0) yield this.take();
            await pace.until(packet.time);
          }
          this.accept(packet);
          if (this.ready.length >= REPLAY_BATCH_ITEMS) yield this.take();
        }
        if (this.ready.length > 0 || watcher) yield this.take();
      }
      this.noteEnd();
    } catch (error) {
      this.noteBreak(error);
    }
    this.connections.finish();
    if (this.ready.length > 0) yield this.take();
    this.expectBroker();
  }

  private take(): Item[] {
    const items = this.ready;
    this.ready = [];
    this.context.report.count(items);
    return items;
  }

  private accept(packet: CapturePacket): void {
    const { report } = this.context;
    report.packets += 1;
    const linkLayer = LINK_LAYERS.get(packet.linkType);
    if (!linkLayer) {
      const subject = `link type ${packet.linkType}`;
      report.warn('capture_unsupported', subject, `packets of ${subject} are not read`);
      return;
    }
    const ip = linkLayer(packet.bytes);
    if (!ip) return;
    const segment = readSegment(ip, packet.wireLength - (packet.bytes.length - ip.length));
    if (segment === 'fragment') {
      report.warn('capture_unsupported', 'fragments', 'IP fragments with TCP are not put together');
    } else if (segment) {
      this.connections.accept(segment, packet.time);
    }
  }

  private noteEnd(): void {
    const at = this.reader.unfinishedAt;
    if (at === undefined) return;
    const message = `the capture ends inside of the packet at byte ${at}`;
    this.context.report.warn('capture_truncated', '', message, { offset: at });
  }

  /** A capture that cannot be read on: what came before counts. */
  private noteBreak(error: unknown): void {
    const isDamage = error instanceof ZeekwayError && error.code === 'capture_damaged';
    if (!isDamage && !isTruncation(error)) throw error;
    this.context.report.warn(error.code, '', error.message, error.where);
  }

  private expectBroker(): void {
    const { report, file } = this.context;
    if (report.sessions > 0) return;
    const found = `${report.packets} packets, ${report.connections} TCP connections`;
    const message = `${file} holds no readable session of Zeek's (${found})`;
    throw new ZeekwayError('capture_without_broker', message, { file });
  }
}
