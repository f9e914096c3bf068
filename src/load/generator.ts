import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ZeekwayError } from '../core/errors.js';
import type { LoadPlan } from './plan.js';
import { readSamples } from './samples.js';
import { LoadWorker, type Sent, type SentMessage } from './worker.js';

/**
 * The workers of a plan in a process of their own, so that they cost the measured ones nothing but processor time.
 * This file is both sides: what starts the process, and what runs in it.
 */

export interface GeneratorOptions {
  readonly plan: LoadPlan;
  readonly url: string;
  /** Records a second of all workers together. */
  readonly rate?: number;
  /** Tells of each message as it is sent. */
  readonly tellMessages: boolean;
}

/** A message that was handed to the socket at that time: milliseconds since the Unix epoch, with fractions. */
export interface TimedMessage extends SentMessage {
  readonly at: number;
}

/** All is handed over. */
export interface GeneratorReport {
  /** Milliseconds since the Unix epoch, with fractions: before the first byte. */
  readonly began: number;
  /** Processor time from then on. */
  readonly cpuMicros: number;
  readonly sent: readonly Sent[];
}

type FromChild =
  | { readonly type: 'peered' }
  | ({ readonly type: 'message' } & TimedMessage)
  | ({ readonly type: 'done' } & GeneratorReport);
type ToChild = 'begin' | 'end';

/** The running process. Whatever is awaited throws `bench_failed` where it ends before its time. */
export class Generator {
  private readonly child: ChildProcess;

  constructor(options: GeneratorOptions, onMessage: (message: TimedMessage) => void = () => {}) {
    this.child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)]);
    this.child.on('message', (message: FromChild) => {
      if (message.type === 'message') onMessage(message);
    });
  }

  /** Call it first. Resolves when all workers are peered and have announced their logs. */
  async peered(): Promise<void> {
    await this.next('peered');
  }

  /** Sends; resolves when everything is handed to the sockets. The workers stay peered. */
  async run(): Promise<GeneratorReport> {
    this.say('begin');
    return this.next('done');
  }

  /** Unpeers in order and ends the process. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.say('end');
    await once(this.child, 'exit');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private say(message: ToChild): void {
    this.child.send(message);
  }

  private next<T extends FromChild['type']>(type: T): Promise<Extract<FromChild, { type: T }>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        const how = signal ?? `exit code ${code}`;
        reject(new ZeekwayError('bench_failed', `the load generator ended with ${how} before it was done`));
      };
      const onMessage = (message: FromChild): void => {
        if (message.type !== type) return;
        this.child.off('message', onMessage).off('exit', onExit);
        resolve(message as Extract<FromChild, { type: T }>);
      };
      this.child.on('message', onMessage).once('exit', onExit);
    });
  }
}

const now = (): number => performance.timeOrigin + performance.now();

/** What runs in the process. */
async function generate({ plan, url, rate, tellMessages }: GeneratorOptions): Promise<void> {
  const tell = (message: FromChild): void => void process.send?.(message);
  const samples = await readSamples();
  const workers = Array.from({ length: plan.workers }, (_, worker) => {
    const onSent = (message: SentMessage): void => tell({ type: 'message', at: now(), ...message });
    return new LoadWorker({
      plan,
      worker,
      samples,
      url,
      ...(rate === undefined ? {} : { rate: rate / plan.workers }),
      ...(tellMessages ? { onSent } : {}),
    });
  });
  const begin = async (): Promise<void> => {
    const before = process.cpuUsage();
    const began = now();
    await Promise.all(workers.map((worker) => worker.begin()));
    const { user, system } = process.cpuUsage(before);
    tell({ type: 'done', began, cpuMicros: user + system, sent: workers.flatMap(({ sent }) => sent) });
  };
  process.on('message', (message: ToChild) => {
    if (message === 'begin') void begin();
    else void Promise.all(workers.map((worker) => worker.unpeer())).then(() => process.disconnect());
  });
  // Who started us is gone.
  process.on('disconnect', () => process.exit());
  // Ctrl-C goes to the whole group of processes: who started us ends us.
  process.on('SIGINT', () => {});
  await Promise.all(workers.map((worker) => worker.connect()));
  tell({ type: 'peered' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await generate(JSON.parse(process.argv[2] ?? '') as GeneratorOptions);
}
