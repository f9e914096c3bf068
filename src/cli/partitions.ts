import type { Command } from 'commander';
import { COMMAND_KEYS } from './config/keys.js';
import { loadConfig } from './config/load.js';
import type { Terminal } from './logger.js';
import { addKeyOptions, configSources, jsonOption } from './options.js';

/** Registers `zeekway partitions`. */
export function registerPartitions(program: Command, terminal: Terminal): void {
  addKeyOptions(program.command('partitions'), COMMAND_KEYS.partitions)
    .description(
      'what the tables of the logs consist of: days, sizes, how long they are kept, and what is odd',
    )
    .argument('[log...]', 'each partition of these; without any, all logs in a line each')
    .addOption(jsonOption())
    .action(async (paths: string[], { json }: { json: boolean }, command: Command) => {
      const { config } = await loadConfig(configSources(command, COMMAND_KEYS.partitions));
      const { partitionsCommand } = await import('./partition-views.js');
      process.exitCode = await partitionsCommand(paths, { ...config, json }, terminal);
    });
}
