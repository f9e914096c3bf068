#!/usr/bin/env node
import { Command, Option } from 'commander';
import { registerDeadLetters } from './dead-letters.js';
import type { DemoOptions } from './demo.js';
import { type Terminal, tellError } from './logger.js';
import { databaseOption, dataOption, httpOption, LOG_LEVELS, speedOption } from './options.js';
import type { ReplayOptions } from './replay.js';
import type { ServeOptions } from './serve.js';
import { VERSION } from './version.js';

/** What a shell reports for a process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

const terminal: Terminal = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
      stop.abort();
    });
  }
  return stop.signal;
}

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

const repeatable = (flags: string, description: string): Option =>
  new Option(flags, `${description} (repeatable)`).argParser(collect).default([], 'none');

// Each command loads what it needs when it runs: help and mistakes are answered at once.
const program = new Command('zeekway')
  .description(
    "A gateway that speaks Zeek's own protocols, stores what Zeek sees in PostgreSQL and answers over HTTP.",
  )
  .version(VERSION)
  .showHelpAfterError('(zeekway --help shows what there is)');

program
  .command('serve')
  .description('peer with Zeek, store its logs and events, and serve the HTTP API')
  .addOption(repeatable('--listen <url>', 'wait for peers at broker://HOST:PORT?tls=anonymous|mutual|off'))
  .addOption(repeatable('--peer <url>', 'keep a Zeek at broker://HOST:PORT?tls=... peered'))
  .addOption(repeatable('--subscribe <prefix>', 'further topics to take, beside all logs'))
  .addOption(
    new Option('--node-name <name>', "this node's name in the Zeek cluster layout")
      .env('ZEEKWAY_NODE_NAME')
      .default('zeekway'),
  )
  .addOption(databaseOption())
  .addOption(dataOption())
  .addOption(httpOption())
  .addOption(new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS).default('info'))
  .action(async (options: ServeOptions) => {
    const { serveCommand } = await import('./serve.js');
    await serveCommand(options, stopSignal());
  });

program
  .command('replay')
  .description(
    "store captures (pcap, pcapng) of Zeek's traffic, and Zeek's log files (TSV, JSON); gzipped or not",
  )
  .argument('<file...>', 'the files, one after the other')
  .option('--again', 'store a file a second time that was replayed before', false)
  .addOption(speedOption())
  .addOption(databaseOption())
  .addOption(dataOption())
  .action(async (files: string[], options: ReplayOptions) => {
    const { replayCommand } = await import('./replay.js');
    process.exitCode = await replayCommand(files, options, terminal, stopSignal());
  });

program
  .command('demo')
  .description('replay a recorded Zeek session into the embedded database and serve it')
  .addOption(dataOption())
  .addOption(httpOption())
  .action(async (options: DemoOptions) => {
    const { demoCommand } = await import('./demo.js');
    process.exitCode = await demoCommand(options, terminal, stopSignal());
  });

registerDeadLetters(program, terminal, stopSignal);

try {
  await program.parseAsync();
} catch (error) {
  tellError(terminal, error);
  process.exitCode = 1;
}
