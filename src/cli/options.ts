import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Speed } from '../replay/pace.js';
import { CONFIG_FILE, isSingle, type Key } from './config/keys.js';
import type { ConfigSources } from './config/load.js';

/** The command line of the keys in `config/keys.ts`: their texts are read where those of files and variables are. */

const collect = (value: string, earlier: readonly string[] | undefined): string[] => [
  ...(earlier ?? []),
  value,
];

const option = (flag: string, argument: string, description: string): Option =>
  new Option(`${flag} ${argument}`, description).argParser(collect);

/** The help of an option: what it means for each of its keys, and what holds for all of them. */
function description(sharing: readonly Key[]): string {
  const meanings = sharing.map(({ entry, meaning }) =>
    entry === undefined ? meaning : `${entry}=...: ${meaning}`,
  );
  const standards = sharing.map(({ defaults, defaultShown }) => defaultShown ?? defaults.join(', '));
  const notes = [
    ...(sharing.every(isSingle) ? [] : ['repeatable']),
    ...standards.filter((text) => text !== '').map((text) => `default: ${text}`),
    ...new Set(sharing.map(({ env }) => `env: ${env}`)),
  ];
  return `${meanings.join('; ')} (${notes.join(', ')})`;
}

/** Gives a command the options of the keys, and `--config`. @returns it. */
export function addKeyOptions(command: Command, keys: readonly Key[]): Command {
  const { flag: configFlag, argument, env, meaning } = CONFIG_FILE;
  command.addOption(option(configFlag, argument, `${meaning} (env: ${env})`));
  for (const flag of new Set(keys.map((key) => key.flag))) {
    // The key that the flag is there for comes first.
    const sharing = keys.filter((key) => key.flag === flag).toSorted((a) => (a.entry === undefined ? -1 : 1));
    command.addOption(option(flag, sharing[0]?.argument ?? '', description(sharing)));
  }
  return command;
}

/** What a command that has these options was given. */
export function configSources(command: Command, keys: readonly Key[]): ConfigSources {
  const flags = new Map<string, readonly string[]>();
  for (const each of command.options) {
    const texts: unknown = command.getOptionValue(each.attributeName());
    if (Array.isArray(texts)) flags.set(each.long ?? '', texts);
  }
  return { keys, flags, env: process.env };
}

/** Reads a whole number above 0. */
export function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0.');
  return Number(text);
}

function parseSpeed(text: string): Speed {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (!(speed > 0))
    throw new InvalidArgumentError('expected "max", or a number above 0 (1 is capture speed).');
  return speed;
}

export const jsonOption = (): Option =>
  new Option('--json', 'print what the HTTP API answers').default(false);

export const speedOption = (): Option =>
  new Option('--speed <factor>', 'pace of a capture: 1 is as it was recorded, max as fast as it goes')
    .argParser(parseSpeed)
    .default('max' as Speed);
