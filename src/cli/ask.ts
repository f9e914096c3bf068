import { type Command, Option } from 'commander';
import type { Asking } from './ask/asking.js';
import type { ExportFlags } from './ask/export.js';
import type { QueryFlags } from './ask/query.js';
import type { TailFlags } from './ask/tail.js';
import type { Terminal } from './logger.js';
import { positive } from './options.js';

/** The commands that ask a running gateway over its HTTP API: `query`, `top`, `tail`, `export`; see `store-commands.ts`, too. */

const DEFAULT_API = 'http://127.0.0.1:9280';

export const addApiOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--api <url>', 'the HTTP API of the gateway').env('ZEEKWAY_API').default(DEFAULT_API),
    )
    .addOption(new Option('--token <token>', 'a token of the gateway').env('ZEEKWAY_TOKEN'));

const addSelection = (command: Command): Command =>
  addApiOptions(command)
    .option('--since <time>', 'from this time on: 1h, 7d, now, 2026-11-24T03:00')
    .option('--until <time>', 'before this time')
    .option('--fields <names>', 'the fields to show, with commas between');

export const output = (choices: readonly string[], meaning: string): Option =>
  new Option('-o, --output <format>', meaning).choices(choices).default(choices[0]);

export const limit = (meaning: string): Option => new Option('--limit <number>', meaning).argParser(positive);

const LOG = 'the log, like conn';
const FILTER = 'which rows: id.resp_p == 443/tcp && duration > 1min (docs/query-language.md)';

/** What a command has that asks. */
export const askingFor =
  (terminal: Terminal, stopSignal: () => AbortSignal): (() => Asking) =>
  () => ({
    terminal,
    signal: stopSignal(),
    stdout: process.stdout,
    isColoured: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  });

/** Registers the commands. */
export function registerAsk(program: Command, asking: () => Asking): void {
  addSelection(program.command('query'))
    .description('the rows of a log, newest first; without a log, which logs there are')
    .argument('[log]', LOG)
    .argument('[filter]', FILTER)
    .addOption(limit('how many rows to show (default: 50 in a table, else all)'))
    .option('--sort <field>', 'by this field, -FIELD for the largest first, instead of the time')
    .option('--reverse', 'oldest first', false)
    .option('--top <fields>', 'the groups with the most, by these fields: id.orig_h, id.resp_h/24, ts:1h')
    .option(
      '--by <metric>',
      'of what they have most: count, a field (its sum), avg:F, max:F, distinct:F, p95:F',
      'count',
    )
    .addOption(output(['table', 'json', 'csv', 'tsv'], "a table; JSON lines; CSV; Zeek's TSV"))
    .addHelpText('after', QUERY_HELP)
    .action(async (log: string | undefined, filter: string | undefined, flags: QueryFlags) => {
      const [{ asked }, { queryCommand }] = [await import('./ask/asking.js'), await import('./ask/query.js')];
      const own = asking();
      process.exitCode = await asked(filter, own, () => queryCommand(log, filter, flags, own));
    });

  addSelection(program.command('top'))
    .description('who has the most: `top conn id.orig_h --by orig_bytes`')
    .argument('<log>', LOG)
    .argument('<fields>', 'the fields to group by, with commas between: id.orig_h, id.resp_h/24, ts:1h')
    .argument('[filter]', FILTER)
    .addOption(limit('how many groups to show (default: 10)'))
    .option('--by <metric>', 'count, a field (its sum), avg:F, max:F, distinct:F, p95:F', 'count')
    .addOption(output(['table', 'json', 'csv', 'tsv'], 'a table; JSON lines; CSV; TSV'))
    .action(async (log: string, top: string, filter: string | undefined, flags: QueryFlags) => {
      const [{ asked }, { queryCommand }] = [await import('./ask/asking.js'), await import('./ask/query.js')];
      const own = asking();
      process.exitCode = await asked(filter, own, () => queryCommand(log, filter, { ...flags, top }, own));
    });

  addApiOptions(program.command('tail'))
    .description('rows as they come')
    .argument('<log...>', LOG)
    .option('--filter <filter>', FILTER)
    .option('--fields <names>', 'the fields to show, with commas between')
    .addOption(output(['text', 'json'], 'for people; JSON lines'))
    .action(async (logs: string[], flags: TailFlags) => {
      const [{ asked }, { tailCommand }] = [await import('./ask/asking.js'), await import('./ask/tail.js')];
      const own = asking();
      process.exitCode = await asked(flags.filter, own, () => tailCommand(logs, flags, own));
    });

  addSelection(program.command('export'))
    .description('a whole result, of any size, into a file')
    .argument('<log>', LOG)
    .argument('[filter]', FILTER)
    .addOption(
      new Option('--format <format>', 'of the file')
        .choices(['ndjson', 'csv', 'tsv', 'parquet', 'arrow'])
        .default('ndjson'),
    )
    .option('-o, --output <file>', 'the file, which must not be there yet; else standard output')
    .addOption(limit('how many rows at most'))
    .action(async (log: string, filter: string | undefined, flags: ExportFlags) => {
      const [{ asked }, { exportCommand }] = [
        await import('./ask/asking.js'),
        await import('./ask/export.js'),
      ];
      const own = asking();
      process.exitCode = await asked(filter, own, () => exportCommand(log, filter, flags, own));
    });
}

const QUERY_HELP = `
Examples:
  zeekway query
  zeekway query conn 'id.orig_h in 10.0.0.0/8 && duration > 1min' --since 1h
  zeekway query conn 'id.resp_p == 443/tcp' --since 1h --top id.orig_h --by orig_bytes
  zeekway query dns --fields ts,query,answers -o json | jq -r .query`;
