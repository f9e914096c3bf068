import { didYouMean } from '../../core/nearest.js';
import { type Terminal, tellError } from '../logger.js';
import { CONFIG_FILE, KEYS } from './keys.js';
import { type ConfigSources, loadConfig } from './load.js';
import { ConfigError } from './problems.js';

/**
 * `zeekway config check`: tells all that is wrong with the configuration, or that nothing is; with `print` the
 * configuration instead.
 * @returns the exit code.
 */
export async function configCheckCommand(
  sources: ConfigSources & { readonly print: boolean },
  terminal: Terminal,
): Promise<number> {
  for (const line of unknownVariables(sources.env)) terminal.err(`zeekway: warning: ${line}`);
  try {
    const { settings, file } = await loadConfig(sources);
    if (sources.print) {
      const { printConfig } = await import('./print.js');
      terminal.out(printConfig(settings).trimEnd());
    } else {
      terminal.out(`the configuration is valid (${file ?? 'without a file'})`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tellError(terminal, error);
    return 1;
  }
}

/** A variable with a mistake in its name does nothing. That is no error: Kubernetes makes names like ours. */
function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [...new Set([...Object.values(KEYS), CONFIG_FILE].map((key) => key.env))];
  return Object.keys(env)
    .filter((name) => name.startsWith('ZEEKWAY_') && !known.includes(name))
    .map((name) => `environment variable ${name} is none of zeekway's${didYouMean(name, known)}`);
}
