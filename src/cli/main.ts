#!/usr/bin/env node
import { Command } from 'commander';
import { askingFor, registerAsk } from './ask.js';
import { addBenchCommands } from './bench.js';
import { registerCompletion } from './completion.js';
import { COMMAND_KEYS } from './config/keys.js';
import { loadConfig } from './config/load.js';
import { registerDeadLetters } from './dead-letters.js';
import { registerDecode } from './decode.js';
import { EXIT_INTERRUPTED, type Terminal, tellError } from './logger.js';
import { addKeyOptions, configSources, speedOption } from './options.js';
import { registerPartitions } from './partitions.js';
import type { ReplayFlags } from './replay.js';
import { registerStores } from './store-commands.js';
import { registerTalk } from './talk.js';
import { registerTokens } from './tokens.js';
import { VERSION } from './version.js';

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

// Each command loads what it needs when it runs: help and mistakes are answered at once.
const program = new Command('zeekway')
  .description(
    "A gateway that speaks Zeek's own protocols, stores what Zeek sees in PostgreSQL and answers over HTTP.",
  )
  .version(VERSION)
  .showHelpAfterError('(zeekway --help shows what there is)');

const { serve, replay, demo } = COMMAND_KEYS;

addKeyOptions(program.command('serve'), serve)
  .description('peer with Zeek, store its logs and events, and serve the HTTP API')
  .action(async (_options: unknown, command: Command) => {
    const { config } = await loadConfig(configSources(command, serve));
    const { serveCommand } = await import('./serve.js');
    await serveCommand(config, stopSignal());
  });

addKeyOptions(program.command('replay'), replay)
  .description(
    "store captures (pcap, pcapng) of Zeek's traffic, and Zeek's log files (TSV, JSON); gzipped or not",
  )
  .argument('<file...>', 'the files, one after the other')
  .option('--again', 'store a file a second time that was replayed before', false)
  .addOption(speedOption())
  .action(async (files: string[], { again, speed }: ReplayFlags, command: Command) => {
    const { config } = await loadConfig(configSources(command, replay));
    const { replayCommand } = await import('./replay.js');
    process.exitCode = await replayCommand(files, { ...config, again, speed }, terminal, stopSignal());
  });

addKeyOptions(program.command('demo'), demo)
  .description('replay a recorded Zeek session into the embedded database and serve it')
  .action(async (_options: unknown, command: Command) => {
    const { config } = await loadConfig(configSources(command, demo));
    const { demoCommand } = await import('./demo.js');
    process.exitCode = await demoCommand(config, terminal, stopSignal());
  });

const config = program.command('config').description('look at the configuration');

addKeyOptions(config.command('check'), serve)
  .description('tell all that is wrong with the configuration of `zeekway serve`, and start nothing')
  .option('--print', 'print it as a file, with where each value is from', false)
  .action(async ({ print }: { print: boolean }, command: Command) => {
    const { configCheckCommand } = await import('./config/check.js');
    process.exitCode = await configCheckCommand({ ...configSources(command, serve), print }, terminal);
  });

addBenchCommands(program, terminal, stopSignal);
registerDeadLetters(program, terminal, stopSignal);
registerPartitions(program, terminal);
registerTokens(program, terminal);
registerDecode(program, terminal);
registerTalk(program, terminal, stopSignal);
const asking = askingFor(terminal, stopSignal);
registerAsk(program, asking);
registerStores(program, asking);
registerCompletion(program);

try {
  await program.parseAsync();
} catch (error) {
  tellError(terminal, error);
  process.exitCode = 1;
}
