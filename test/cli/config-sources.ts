import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMAND_KEYS } from '../../src/cli/config/keys.js';
import { type LoadedConfig, loadConfig } from '../../src/cli/config/load.js';
import { ConfigError } from '../../src/cli/config/problems.js';

const folder = mkdtempSync(join(tmpdir(), 'zeekway-config-'));
let files = 0;

/** A configuration file with that in it. */
export function configFile(content: string | Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}.yaml`);
  writeFileSync(path, content);
  return path;
}

interface Given {
  /** What is in the file; none where it is left out. */
  readonly yaml?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, readonly string[]>>;
  readonly command?: keyof typeof COMMAND_KEYS;
}

/** The configuration of a command, without a process. */
export function load({ yaml, env = {}, flags = {}, command = 'serve' }: Given): Promise<LoadedConfig> {
  const given = new Map(Object.entries(flags));
  if (yaml !== undefined) given.set('--config', [configFile(yaml)]);
  return loadConfig({ keys: COMMAND_KEYS[command], env, flags: given });
}

/** The lines of the mistakes, with `FILE` for the file's path; none where all is well. */
export async function mistakes(given: Given): Promise<readonly string[]> {
  try {
    await load(given);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.lines.map((line) => line.replaceAll(new RegExp(`${folder}/\\d+\\.yaml`, 'g'), 'FILE'));
  }
}
