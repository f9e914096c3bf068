import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkStored, problems } from '../../src/load/check.js';
import { Generator } from '../../src/load/generator.js';
import type { LoadPlan } from '../../src/load/plan.js';
import { streamsOf } from '../../src/load/records.js';
import { readSamples } from '../../src/load/samples.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { projectFile } from '../support/project.js';

/**
 * A site to break things at: a PostgreSQL of its own, a gateway in a process of its own, Zeek workers that send to it
 * through a proxy, and the comparison of what they sent with what SQL holds in the end.
 */

export interface SiteOptions {
  /** Options of `zeekway serve`. */
  readonly serve?: readonly string[];
  /** What the gateway is started by: `strace ...`. */
  readonly wrapper?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Load {
  readonly records: number;
  /** Records a second. */
  readonly rate: number;
}

const WORKERS = 3;
/** How long all that was taken may take to be stored once nothing is broken any more. */
const SETTLE_MS = 120_000;

export class Site {
  private gateway: ChildProcess | undefined;
  private gatewayPort = 0;
  private api = '';
  private readonly lines: string[] = [];
  private readonly sockets = new Set<net.Socket>();
  private proxy: net.Server | undefined;
  private database: Database | undefined;
  /** The highest number of durable messages that the gateway has told. */
  private durable = 0;

  private constructor(
    readonly folder: string,
    private readonly options: SiteOptions,
  ) {}

  static async open(options: SiteOptions = {}): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'zeekway-chaos-'));
    // The database runs under another account.
    await chmod(folder, 0o755);
    const site = new Site(folder, options);
    await mkdir(site.spoolFolder);
    await site.startDatabase();
    return site;
  }

  get spoolFolder(): string {
    return join(this.folder, 'spool');
  }

  /** What the gateway has logged, of all its lives. */
  get log(): string {
    return this.lines.join('\n');
  }

  async startDatabase(): Promise<void> {
    const before = this.database;
    this.database = await openDatabase({ dataDir: this.folder });
    await before?.close();
  }

  get db(): Database {
    if (!this.database) throw new Error('the database was not started');
    return this.database;
  }

  /** Ends the server as a crash does (SIGQUIT: without a checkpoint), or in order (SIGINT). */
  async stopDatabase(signal: 'SIGQUIT' | 'SIGINT'): Promise<void> {
    const file = join(this.folder, 'postgres/data/postmaster.pid');
    const pid = Number((await readFile(file, 'utf8')).split('\n')[0]);
    process.kill(pid, signal);
    while (isAlive(pid)) await sleep(20);
  }

  async startGateway(): Promise<void> {
    const { serve = [], wrapper = [], env = {} } = this.options;
    const main = projectFile('build/src/cli/main.js');
    const [command = '', ...args] = [...wrapper, process.execPath, main, 'serve', ...serve];
    const where = [
      '--data',
      this.folder,
      '--listen',
      'broker://127.0.0.1:0?tls=off',
      '--http',
      '127.0.0.1:0',
    ];
    const { DATABASE_URL: _, ...inherited } = process.env;
    const child = spawn(command, [...args, ...where], {
      env: { ...inherited, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A wrapper and what it runs are killed together.
      detached: true,
    });
    this.gateway = child;
    const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
    lines.on('line', (line) => this.lines.push(line));
    const started = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        const api = /API at (http:[^,"]+),/.exec(line)?.[1];
        const port = /listening for peers at [^"]*:(\d+)/.exec(line)?.[1];
        if (api) this.api = api;
        if (port) this.gatewayPort = Number(port);
        if (api) resolve();
      });
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the gateway did not start:\n${this.lines.slice(-5).join('\n')}`);
    });
    await Promise.race([started, ended]);
    ended.catch(() => {});
  }

  /** SIGKILL: nothing is finished. */
  async killGateway(): Promise<void> {
    await this.endGateway('SIGKILL');
  }

  private async endGateway(signal: NodeJS.Signals): Promise<void> {
    const child = this.gateway;
    this.gateway = undefined;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(-child.pid, signal);
    await exited;
  }

  /** A number among the metrics. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.api}/metrics`)).text();
    const value = Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    if (Number.isNaN(value)) throw new Error(`the gateway tells no ${name}`);
    return value;
  }

  /** What `/readyz` says. */
  async readiness(): Promise<{ ready: boolean; checks: { name: string; ok: boolean; detail: string }[] }> {
    return (await fetch(`${this.api}/readyz`)).json() as never;
  }

  /** Remembers how much the gateway has told to be durable. */
  async noteDurable(): Promise<void> {
    this.durable = Math.max(this.durable, await this.metric('zeekway_spool_durable_entries_total'));
  }

  /** Cuts all connections between the workers and the gateway. */
  cutConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Sends a load, breaks things meanwhile, and says what SQL holds wrongly in the end; an empty list is right. */
  async run(
    { records, rate }: Load,
    breakThings: (isSending: () => boolean) => Promise<void>,
  ): Promise<string[]> {
    const mix = { conn: 70, dns: 20, http: 10 };
    const run = Math.random().toString(36).slice(2, 6).padEnd(4, '0');
    const startMicros = Date.now() * 1_000;
    const plan: LoadPlan = { run, seed: 1, workers: WORKERS, records, mix, pace: rate, startMicros };
    await this.startGateway();
    const url = `broker://127.0.0.1:${await this.openProxy()}?tls=off`;
    const generator = new Generator({ plan, url, rate, tellMessages: false });
    await generator.peered();
    let isSending = true;
    try {
      const sending = generator.run().finally(() => {
        isSending = false;
      });
      await breakThings(() => isSending);
      const { sent } = await sending;
      await generator.end();
      await this.settle();
      const samples = await readSamples();
      const streams = Array.from({ length: WORKERS }, (_, worker) => streamsOf(plan, worker, samples)).flat();
      const findings = await checkStored((sql) => this.db.pool.query(sql), streams, sent);
      return [...problems(findings, sent), ...(await this.expectDurable())];
    } finally {
      generator.kill();
    }
  }

  /** Waits until the gateway has stored all that it has taken. */
  private async settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    for (let quiet = 0; quiet < 3; ) {
      await sleep(200);
      const waiting =
        (await this.metric('zeekway_spool_entries')) + (await this.metric('zeekway_waiting_rows'));
      quiet = waiting === 0 ? quiet + 1 : 0;
      if (performance.now() > deadline)
        throw new Error(`${waiting} entries and rows still wait:\n${this.lines.slice(-20).join('\n')}`);
    }
  }

  /** What was told to be durable must be in the database. */
  private async expectDurable(): Promise<string[]> {
    const { rows } = await this.db.pool.query<{ entry: string }>(
      'SELECT max(entry) AS entry FROM zeekway.writers',
    );
    const stored = Number(rows[0]?.entry ?? 0);
    return stored >= this.durable ? [] : [`${this.durable} messages were durable, ${stored} are stored`];
  }

  private async openProxy(): Promise<number> {
    this.proxy = net.createServer((from) => {
      const to = net.connect(this.gatewayPort, '127.0.0.1');
      for (const socket of [from, to]) {
        this.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.sockets.delete(socket);
          from.destroy();
          to.destroy();
        });
      }
      from.pipe(to).pipe(from);
    });
    this.proxy.listen(0, '127.0.0.1');
    await once(this.proxy, 'listening');
    return (this.proxy.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    await this.endGateway('SIGKILL');
    this.proxy?.close();
    this.cutConnections();
    await this.database?.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
