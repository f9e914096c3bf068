import type { Command } from 'commander';
import type { Terminal } from './logger.js';
import { positive } from './options.js';
import type { PublishFlags, SubscribeFlags } from './talk-commands.js';

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

/** Gives a command the options that say whom to talk to. */
const addPeerOptions = (command: Command): Command =>
  command
    .option(
      '--peer <url>',
      'whom to connect to: broker://, zeromq://, ws:// or wss:// (repeatable)',
      collect,
      [],
    )
    .option('--listen <url>', 'wait for peers at broker://HOST:PORT (repeatable)', collect, []);

/** Registers `zeekway publish` and `zeekway subscribe`. */
export function registerTalk(program: Command, terminal: Terminal, stopSignal: () => AbortSignal): void {
  addPeerOptions(program.command('publish'))
    .description('publish an event to Zeek, over any transport')
    .argument('<topic>', 'where to, like my/topic')
    .argument('<event>', "the event's name, like MyModule::alarm")
    .argument(
      '[arg...]',
      'its arguments in Zeek\'s notation: 5 1.5 T 1.2.3.4 10.0.0.0/8 80/tcp 5sec Notice::LOG text "text" {1, 2} [1, 2]; string(5) says the type',
    )
    .option('--wait <seconds>', 'how long to wait for a peer that wants the topic', positive, 10)
    .addHelpText('after', PUBLISH_HELP)
    .action(async (topic: string, event: string, args: string[], flags: PublishFlags) => {
      const { publishCommand } = await import('./talk-commands.js');
      process.exitCode = await publishCommand({ topic, event, args }, flags, terminal, stopSignal());
    });

  addPeerOptions(program.command('subscribe'))
    .description('print what is published on some topics, over any transport')
    .argument('<prefix...>', 'what the topics begin with; "" is all')
    .option('--json', 'print a JSON object a line', false)
    .option('--count <number>', 'end after so many messages', positive)
    .action(async (prefixes: string[], flags: SubscribeFlags) => {
      const { subscribeCommand } = await import('./talk-commands.js');
      process.exitCode = await subscribeCommand(prefixes, flags, terminal, stopSignal());
    });
}

const PUBLISH_HELP = `
An argument that begins with a dash stands behind --:
  zeekway publish --peer broker://zeek:9999 my/topic MyModule::alarm -- 1.2.3.4 80/tcp -5`;
