import { type Command, Option } from 'commander';
import type { StoreConfig } from './config/config.js';
import { COMMAND_KEYS } from './config/keys.js';
import { loadConfig } from './config/load.js';
import type { Terminal } from './logger.js';
import { addKeyOptions, configSources } from './options.js';
import type { CreateOptions, ListOptions } from './token-commands.js';

const collect = (text: string, earlier: readonly string[] | undefined): string[] => [
  ...(earlier ?? []),
  text,
];

/** The options of every one of these commands: where the database is. */
const withStore = (command: Command): Command => addKeyOptions(command, COMMAND_KEYS.store);

/** The options of such a command, with where the database is. */
async function stored<T extends object>(options: T, command: Command): Promise<T & StoreConfig> {
  const { config } = await loadConfig(configSources(command, COMMAND_KEYS.store));
  return { ...options, ...config };
}

/** Registers `zeekway token` and its subcommands. */
export function registerTokens(program: Command, terminal: Terminal): void {
  const group = program.command('token').description('who may use the HTTP API: make, list, revoke tokens');

  withStore(group.command('create'))
    .description('make a token; it is printed once, and only its hash is stored')
    .requiredOption('--name <name>', 'who it is for')
    .requiredOption(
      '--scope <scope>',
      'what it allows: read, publish, publish:TOPIC_PREFIX or admin (repeatable)',
      collect,
    )
    .option('--expires <time>', 'it lets nobody in after that time: 12h, 30d (default: never)')
    .action(async (options: Omit<CreateOptions, keyof StoreConfig>, command: Command) => {
      const { createCommand } = await import('./token-commands.js');
      process.exitCode = await createCommand(await stored(options, command), terminal);
    });

  withStore(group.command('list'))
    .description('list them, also those that let nobody in any more')
    .addOption(new Option('--json', 'print JSON').default(false))
    .action(async (options: Omit<ListOptions, keyof StoreConfig>, command: Command) => {
      const { listCommand } = await import('./token-commands.js');
      process.exitCode = await listCommand(await stored(options, command), terminal);
    });

  withStore(group.command('revoke'))
    .description('have a token let nobody in any more; running gateways know within seconds')
    .argument('<name-or-id>', 'as `zeekway token list` shows it')
    .action(async (nameOrId: string, options: object, command: Command) => {
      const { revokeCommand } = await import('./token-commands.js');
      process.exitCode = await revokeCommand(nameOrId, await stored(options, command), terminal);
    });
}
