import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOAD_LOGS, type LoadLog } from '../load/plan.js';
import type { BenchIngestOptions } from './bench/ingest.js';
import type { Terminal } from './logger.js';

/** Reads a whole number above 0. */
function parseCount(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('expected a whole number above 0.');
}

/** Reads `conn=70,dns=20,http=10`; a log that is left out has no part. */
function parseMix(text: string): Record<LoadLog, number> {
  const mix: Record<LoadLog, number> = { conn: 0, dns: 0, http: 0 };
  for (const part of text.split(',')) {
    const [, name, number] = /^(\w+)=(\d{1,6})$/.exec(part.trim()) ?? [];
    const log = LOAD_LOGS.find((known) => known === name);
    if (log === undefined) {
      throw new InvalidArgumentError(
        `expected parts of ${LOAD_LOGS.join(', ')}, like conn=70,dns=20,http=10.`,
      );
    }
    mix[log] = Number(number);
  }
  if (LOAD_LOGS.every((log) => mix[log] === 0)) throw new InvalidArgumentError('expected a part above 0.');
  return mix;
}

const DEFAULT_MIX = 'conn=70,dns=20,http=10';

/** Adds `zeekway bench`. */
export function addBenchCommands(program: Command, terminal: Terminal, stopSignal: () => AbortSignal): void {
  const bench = program.command('bench').description('measure zeekway on this machine');
  bench
    .command('ingest')
    .description(
      'send records as Zeek workers do to a gateway of its own, check what is stored, and compare with COPY and INSERT',
    )
    .addOption(new Option('--workers <count>', 'Zeek workers').argParser(parseCount).default(4))
    .addOption(new Option('--records <count>', 'records in all').argParser(parseCount).default(1_000_000))
    .addOption(
      new Option(
        '--rate <count>',
        'records a second in all, evenly, to measure the latency (default: as fast as they are taken)',
      ).argParser(parseCount),
    )
    .addOption(
      new Option('--mix <parts>', 'parts of the logs')
        .argParser(parseMix)
        .default(parseMix(DEFAULT_MIX), DEFAULT_MIX),
    )
    .addOption(new Option('--rounds <count>', 'times to measure').argParser(parseCount).default(3))
    .addOption(new Option('--no-compare', 'leave COPY and INSERT out'))
    .addOption(
      new Option(
        '--database <url>',
        'server on which a database is made for it, and dropped (default: an embedded PostgreSQL)',
      ).env('DATABASE_URL'),
    )
    .addOption(new Option('--json', 'print the report as JSON').default(false))
    .action(async (options: BenchIngestOptions) => {
      const { benchIngestCommand } = await import('./bench/ingest.js');
      process.exitCode = await benchIngestCommand(options, terminal, stopSignal());
    });
}
