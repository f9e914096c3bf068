import { type Command, Option } from 'commander';
import { type DecodeFlags, INPUT_KINDS } from './decode/flags.js';
import type { Terminal } from './logger.js';

/** Registers `zeekway decode`. */
export function registerDecode(program: Command, terminal: Terminal): void {
  program
    .command('decode')
    .description(
      "show what is in a capture, a Broker frame or value, a log batch or JSON of Zeek's, byte by byte",
    )
    .argument('<file>', 'the file, gzipped or not; - is standard input')
    .addOption(new Option('--as <kind>', 'what it is, where its bytes do not tell').choices(INPUT_KINDS))
    .option('--hex', 'the file is hex text', false)
    .option('--json', 'print a JSON object a line', false)
    .action(async (file: string, flags: DecodeFlags) => {
      const { decodeCommand } = await import('./decode/command.js');
      process.exitCode = await decodeCommand(file, flags, process.stdout, terminal);
    });
}
