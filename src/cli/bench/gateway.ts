import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ZeekwayError } from '../../core/errors.js';
import { residentBytes } from './processes.js';

/** A child that runs: `zeekway serve` as users start it. */
export interface Gateway {
  readonly pid: number;
  /** Where it waits for peers. */
  readonly url: string;
  /** Rejects with `bench_failed` when it ends before `stop`. */
  readonly failed: Promise<never>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(import.meta.resolve('../main.js'));
/** The last lines of its log that are kept for an error. */
const LINES = 5;

/** Starts a gateway on free ports. @param store the options that say where it stores. */
export async function startGateway(store: readonly string[]): Promise<Gateway> {
  const args = ['serve', ...store, '--listen', 'broker://127.0.0.1:0?tls=off', '--http', '127.0.0.1:0'];
  // What the user has set for their own gateway is not for this one.
  const env = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(ZEEKWAY_.*|DATABASE_URL)$/.test(name)),
    ),
    // As docs/operations.md has it.
    MALLOC_MMAP_THRESHOLD_: '131072',
  };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  let isStopping = false;
  const lines: string[] = [];
  let tellPort = (_: string): void => {};
  const port = new Promise<string>((resolve) => {
    tellPort = resolve;
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LINES) lines.shift();
    const listening = /listening for peers at [^"]*:(\d+)/.exec(line);
    if (listening) tellPort(listening[1] as string);
  });
  const failed = exited.then(() => {
    if (isStopping) return new Promise<never>(() => {});
    const what = `the gateway ended with ${child.signalCode ?? `exit code ${child.exitCode}`}: ${lines.join(' | ')}`;
    throw new ZeekwayError('bench_failed', what);
  });
  failed.catch(() => {});
  const stop = async (): Promise<void> => {
    isStopping = true;
    if (isRunning(child)) child.kill('SIGTERM');
    await exited;
  };
  const url = `broker://127.0.0.1:${await Promise.race([port, failed])}?tls=off`;
  return { pid: child.pid ?? 0, url, failed, stop };
}

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null;

/** How often the memory is looked at. */
const SAMPLE_MS = 250;
/** Samples that are shown. */
const SHOWN = 40;

export interface MemoryReport {
  readonly maxMiB: number;
  /** The most in each of equal parts of the time. */
  readonly samplesMiB: readonly number[];
  readonly samplesEveryMs: number;
}

const MIB = 1024 * 1024;

/** Looks at the memory of a process until it is told to stop. */
export class MemorySampler {
  private readonly samples: number[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.timer = setInterval(() => void this.sample(), SAMPLE_MS);
  }

  /** `undefined` where the system does not tell. */
  async stop(): Promise<MemoryReport | undefined> {
    clearInterval(this.timer);
    await this.sample();
    const most = (await residentBytes(this.pid))?.most;
    if (most === undefined) return undefined;
    const each = Math.ceil(this.samples.length / SHOWN);
    const parts = Array.from({ length: Math.ceil(this.samples.length / each) }, (_, part) =>
      Math.max(...this.samples.slice(part * each, (part + 1) * each)),
    );
    return {
      maxMiB: Math.round(most / MIB),
      samplesMiB: parts.map((bytes) => Math.round(bytes / MIB)),
      samplesEveryMs: each * SAMPLE_MS,
    };
  }

  private async sample(): Promise<void> {
    const found = await residentBytes(this.pid);
    if (found) this.samples.push(found.now);
  }
}
