import { type Command, InvalidArgumentError, Option } from 'commander';
import type { StoreConfig } from './config/config.js';
import { COMMAND_KEYS } from './config/keys.js';
import { loadConfig } from './config/load.js';
import type { ChangeOptions } from './dead-letter-changes.js';
import type { ListOptions, ShowOptions, SummaryOptions } from './dead-letter-views.js';
import type { Terminal } from './logger.js';
import { addKeyOptions, configSources, jsonOption } from './options.js';

function parseId(text: string): string {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError('expected the number of a dead letter.');
  return text;
}

const collectIds = (text: string, earlier: readonly string[] | undefined): string[] => [
  ...(earlier ?? []),
  parseId(text),
];

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d{1,9}$/.test(text) || limit === 0) throw new InvalidArgumentError('expected a number above 0.');
  return limit;
}

/** The options of every one of these commands: where the database is. */
const withStore = (command: Command): Command => addKeyOptions(command, COMMAND_KEYS.store);

type Unstored<T> = Omit<T, keyof StoreConfig>;

/** The options of such a command, with where the database is. */
async function stored<T extends object>(options: T, command: Command): Promise<T & StoreConfig> {
  const { config } = await loadConfig(configSources(command, COMMAND_KEYS.store));
  return { ...options, ...config };
}

const withFilter = (command: Command): Command =>
  withStore(command)
    .option('--code <code>', 'only those with this code (docs/errors.md)')
    .option('--subject <subject>', 'only those about this stream or event: Conn::LOG')
    .option('--from <time>', 'only those received from then on: 2026-11-24T03:00:00Z, -1h')
    .option('--to <time>', 'only those received before');

/** Of drop and retry, which must be told what they are about. */
const withSelection = (command: Command): Command =>
  withFilter(command)
    .argument('[id...]', 'these, as `zeekway dead-letters list` numbers them', collectIds)
    .addOption(
      new Option('--all', 'all of them').default(false).conflicts(['code', 'subject', 'from', 'to']),
    );

/**
 * Registers `zeekway dead-letters` and its subcommands.
 * @param stopSignal called once, when a command runs that can be stopped in the middle
 */
export function registerDeadLetters(
  program: Command,
  terminal: Terminal,
  stopSignal: () => AbortSignal,
): void {
  const group = program
    .command('dead-letters')
    .description('what could not be understood or stored: count, look into, try again, drop');

  withFilter(group.command('summary', { isDefault: true }))
    .description('how many there are of each kind (the default)')
    .addOption(jsonOption())
    .action(async (options: Unstored<SummaryOptions>, command: Command) => {
      const { summaryCommand } = await import('./dead-letter-views.js');
      process.exitCode = await summaryCommand(await stored(options, command), terminal);
    });

  withFilter(group.command('list'))
    .description('list them, the newest first')
    .option('--limit <number>', 'how many at most', parseLimit, 100)
    .addOption(jsonOption())
    .action(async (options: Unstored<ListOptions>, command: Command) => {
      const { listCommand } = await import('./dead-letter-views.js');
      process.exitCode = await listCommand(await stored(options, command), terminal);
    });

  withStore(group.command('show'))
    .description('show one: decoded as far as it goes, and the rest in hex')
    .argument('<id>', 'its number', parseId)
    .addOption(jsonOption())
    .action(async (id: string, options: Unstored<ShowOptions>, command: Command) => {
      const { showCommand } = await import('./dead-letter-views.js');
      process.exitCode = await showCommand(id, await stored(options, command), terminal);
    });

  withSelection(group.command('retry'))
    .description('try them again: those that can be stored now are no dead letters any more')
    .action(async (ids: string[], options: Unstored<ChangeOptions>, command: Command) => {
      const { retryCommand } = await import('./dead-letter-changes.js');
      process.exitCode = await retryCommand(ids, await stored(options, command), terminal, stopSignal());
    });

  withSelection(group.command('drop'))
    .description('delete them for good')
    .action(async (ids: string[], options: Unstored<ChangeOptions>, command: Command) => {
      const { dropCommand } = await import('./dead-letter-changes.js');
      process.exitCode = await dropCommand(ids, await stored(options, command), terminal, stopSignal());
    });
}
