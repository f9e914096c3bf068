import type { ConnectionReader, Direction } from '../tcp/connections.js';
import { BrokerSession } from './broker-session.js';
import type { CaptureSession, SessionContext } from './capture-session.js';
import { TlsSession } from './tls-session.js';
import { ZmtpSession } from './zmtp-session.js';

/** The protocols that are looked for in every connection. */
const PROTOCOLS: readonly (new (name: string, context: SessionContext) => CaptureSession)[] = [
  BrokerSession,
  TlsSession,
  ZmtpSession,
];

/** Gives a connection to all protocols until one recognizes it. */
export class SessionFinder implements ConnectionReader {
  private sessions: readonly CaptureSession[];

  /** @param name the connection's, for warnings. */
  constructor(name: string, context: SessionContext) {
    this.sessions = PROTOCOLS.map((Protocol) => new Protocol(name, context));
  }

  get isInterested(): boolean {
    return this.sessions.length > 0;
  }

  data(direction: Direction, bytes: Buffer, time: bigint, hasBeginning: boolean): void {
    for (const session of this.sessions) session.data(direction, bytes, time, hasBeginning);
    this.decide();
  }

  gap(direction: Direction, bytes: number): void {
    for (const session of this.sessions) session.gap(direction, bytes);
    this.decide();
  }

  end(): void {
    for (const session of this.sessions) session.end();
    this.sessions = [];
  }

  private decide(): void {
    const decided = this.sessions.find(({ verdict }) => verdict === 'recognized' || verdict === 'unreadable');
    if (decided) {
      if (decided.verdict === 'unreadable') this.sessions = [];
      else if (this.sessions.length > 1) this.sessions = [decided];
    } else if (this.sessions.some(({ verdict }) => verdict === 'foreign')) {
      this.sessions = this.sessions.filter(({ verdict }) => verdict !== 'foreign');
    }
  }
}
