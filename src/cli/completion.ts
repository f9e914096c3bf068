import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** Registers `zeekway completion`; it is for the commands that are registered by then. */
export function registerCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('print a script that completes commands and options: source <(zeekway completion bash)');
}
