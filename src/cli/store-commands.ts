import type { Command } from 'commander';
import type { Asking } from './ask/asking.js';
import type { ChangeFlags, HistoryFlags, PutFlags, StoreFlags } from './ask/store.js';
import { addApiOptions, limit, output } from './ask.js';

const KEY = "the key, in Zeek's notation: 192.0.2.1, '\"text\"', 80/tcp";

/** Registers `zeekway store`, whose commands ask a running gateway. */
export function registerStores(program: Command, asking: () => Asking): void {
  const stores = program
    .command('store')
    .description("Broker's data stores, at a running gateway")
    .addHelpText('after', STORE_HELP);
  const command = (name: string, description: string): Command =>
    addApiOptions(stores.command(name))
      .description(description)
      .addOption(output(['text', 'json'], 'for people; JSON lines'));
  const run = async (
    work: (commands: typeof import('./ask/store.js'), own: Asking) => Promise<number>,
  ): Promise<void> => {
    const [{ asked }, commands] = [await import('./ask/asking.js'), await import('./ask/store.js')];
    const own = asking();
    process.exitCode = await asked(undefined, own, () => work(commands, own));
  };

  command('list', 'the stores of the gateway').action((flags: StoreFlags) =>
    run((commands, own) => commands.listStores(flags, own)),
  );
  command('keys', 'the keys of a store')
    .argument('<store>')
    .action((store: string, flags: StoreFlags) =>
      run((commands, own) => commands.storeKeys(store, flags, own)),
    );
  command('get', 'the value of a key; without one, all entries')
    .argument('<store>')
    .argument('[key]', KEY)
    .action((store: string, key: string | undefined, flags: StoreFlags) =>
      run((commands, own) => commands.storeGet(store, key, flags, own)),
    );
  command('put', 'put an entry')
    .argument('<store>')
    .argument('<key>', KEY)
    .argument('<value>', "the value, in Zeek's notation")
    .option('--expiry <interval>', 'how long it lives: 10min')
    .option('--unique', 'only where there is none; the exit code is 1 where there is one', false)
    .action((store: string, key: string, value: string, flags: PutFlags) =>
      run((commands, own) => commands.storePut(store, [key, value], flags, own)),
    );
  command('change', 'change what an entry holds, at the master')
    .argument('<store>')
    .argument('<key>', KEY)
    .argument('<operation>', 'increment, decrement, append, insert, remove, push or pop')
    .argument('[value]', "the operand, in Zeek's notation")
    .option('--index <index>', 'of an insert into a table')
    .option('--expiry <interval>', 'how long it lives from now on: 10min')
    .action((store: string, key: string, operation: string, value: string | undefined, flags: ChangeFlags) =>
      run((commands, own) => commands.storeChange(store, { key, operation, value }, flags, own)),
    );
  command('erase', 'erase an entry')
    .argument('<store>')
    .argument('<key>', KEY)
    .action((store: string, key: string, flags: StoreFlags) =>
      run((commands, own) => commands.storeErase(store, key, flags, own)),
    );
  command('history', 'what a mirrored store held, newest first; with --at, what it held then')
    .argument('<store>')
    .argument('[key]', KEY)
    .option('--at <time>', 'what it held then: 1d, 2026-11-24T12:00')
    .option('--since <time>', 'what it held after this time')
    .option('--until <time>', 'what it held before this time')
    .addOption(limit('how many values at most'))
    .action((store: string, key: string | undefined, flags: HistoryFlags) =>
      run((commands, own) => commands.storeHistory(store, key, flags, own)),
    );
  command('watch', 'the changes of a store as they come')
    .argument('<store>')
    .action((store: string, flags: StoreFlags) =>
      run((commands, own) => commands.storeWatch(store, flags, own)),
    );
}

const STORE_HELP = `
Examples:
  zeekway store list
  zeekway store put hosts 192.0.2.1 '"printer"' --expiry 1day
  zeekway store get hosts 192.0.2.1
  zeekway store change ports 192.0.2.1 insert 443/tcp
  zeekway store watch hosts
  zeekway store history hosts --at 1d`;
