import { createReadStream } from 'node:fs';
import { ANONYMOUS } from '../../core/access.js';
import { CONFIG_FILE_BYTES } from '../../core/limits.js';
import { didYouMean } from '../../core/nearest.js';
import { type Config, configOf, type Item, type Setting, type Settings } from './config.js';
import { CONFIG_FILE, KEYS, type Key, LISTEN_ALONE } from './keys.js';
import { DEFAULT, defaultLayer, type Entry, environmentLayer, flagLayer, type Layer } from './layer.js';
import { attempt, ConfigError, type Problem, type Tell } from './problems.js';
import { formatSize } from './units.js';

export interface ConfigSources {
  /** The keys that options and variables are taken for; a file may have them all. */
  readonly keys: readonly Key[];
  /** What was given to each option, in its order: `--listen` with two URLs. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: NodeJS.ProcessEnv;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The same by key, with where each value is from. */
  readonly settings: Settings;
  /** The file that was read. */
  readonly file: string | undefined;
}

const ALL_KEYS: readonly Key[] = Object.values(KEYS);

/**
 * Puts the configuration together: an option is stronger than a variable, that than the file, and that than the
 * default. Throws `config_invalid` (a `ConfigError`) with all that is wrong in any of them, whether it would count or
 * not.
 */
export async function loadConfig({ keys, flags, env }: ConfigSources): Promise<LoadedConfig> {
  const problems: Problem[] = [];
  const tell: Tell = (problem) => void problems.push(problem);
  const file = flags.get(CONFIG_FILE.flag)?.at(-1) ?? env[CONFIG_FILE.env];
  const layers = [
    parsed(defaultLayer(ALL_KEYS), tell),
    ...(file === undefined ? [] : [parsed(await readFileLayer(file, tell), tell)]),
    parsed(environmentLayer(keys, env, tell), tell),
    parsed(flagLayer(keys, flags, tell), tell),
  ];
  const found = Object.entries(KEYS).map(([id, key]) => [id, settingOf(key, layers)]);
  const settings = withListener(Object.fromEntries(found) as Settings);
  checkTogether(settings, tell);
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: configOf(settings), settings, file };
}

type Parsed = ReadonlyMap<Key, Setting>;

/** The values of a layer's texts, without those that are mistakes. */
function parsed(layer: Layer, tell: Tell): Parsed {
  const items = ({ type }: Key, entries: readonly Entry[]): Item[] =>
    entries.flatMap(({ text, ...entry }) => {
      const result = attempt(() => type.parse(text), entry.at, tell);
      return result ? [{ ...entry, value: result.value }] : [];
    });
  return new Map([...layer].map(([key, { at, entries }]) => [key, { at, items: items(key, entries) }]));
}

/** What the strongest of the layers has for a key, or for each of its names. */
function settingOf(key: Key, layers: readonly Parsed[]): Setting {
  const given = layers.flatMap((layer) => layer.get(key) ?? []);
  const strongest = given.at(-1) ?? { at: DEFAULT, items: [] };
  if (key.shape !== 'named') return strongest;
  const byName = new Map(given.flatMap(({ items }) => items).map((item) => [item.name, item]));
  return { at: strongest.at, items: [...byName.values()] };
}

/** A gateway that is told neither to listen nor to dial listens on this machine. */
function withListener(settings: Settings): Settings {
  if (settings.listen.items.length + settings.peer.items.length > 0) return settings;
  return { ...settings, listen: { at: DEFAULT, items: [{ value: LISTEN_ALONE, at: DEFAULT }] } };
}

/** What no value can be checked for alone. */
function checkTogether(settings: Settings, tell: Tell): void {
  checkSpool(settings, tell);
  checkDoor(settings, tell);
  checkTls(settings, tell);
  checkStores(settings, tell);
}

/** A certificate and a key belong together. */
/** A store is mastered or cloned, and what is mirrored is one of these. */
function checkStores({ storesMasters, storesClones, storesMirror }: Settings, tell: Tell): void {
  const masters = new Set(storesMasters.items.map(({ name }) => name));
  const known = new Set([...masters, ...storesClones.items.map(({ value }) => value)]);
  for (const { value, at } of storesClones.items) {
    if (masters.has(value)) tell({ ...at, message: `"${value}" is in stores.masters, too` });
  }
  for (const { value, at } of storesMirror.items) {
    if (!known.has(value))
      tell({ ...at, message: `"${value}" is neither in stores.masters nor in stores.clones` });
  }
}

function checkTls({ apiTlsCert, apiTlsKey }: Settings, tell: Tell): void {
  const [cert, key] = [apiTlsCert.items[0], apiTlsKey.items[0]];
  if (cert && !key) tell({ ...cert.at, message: 'expected api.tls-key, too' });
  if (key && !cert) tell({ ...key.at, message: 'expected api.tls-cert, too' });
}

/** Rights are for somebody. */
function checkDoor({ doorTokens, doorPublish }: Settings, tell: Tell): void {
  const names = doorTokens.items.map(({ name = '' }) => name);
  for (const { name, at } of doorTokens.items) {
    if (name === ANONYMOUS) tell({ ...at, message: `expected another name: ${name} has no token` });
  }
  for (const { name = '', at } of doorPublish.items) {
    if (name === ANONYMOUS || names.includes(name)) continue;
    const message = `expected ${ANONYMOUS}, or a name in door.tokens, found ${JSON.stringify(name)}`;
    tell({ ...at, message: message + didYouMean(name, names) });
  }
}

function checkSpool({ spoolSize, spoolSyncBytes }: Settings, tell: Tell): void {
  const [size] = spoolSize.items;
  const [sync] = spoolSyncBytes.items;
  if (size === undefined || sync === undefined || sync.value <= size.value) return;
  // The one that somebody gave is the one to change.
  const [at, message] =
    sync.at === DEFAULT
      ? [size.at, `expected at least spool.sync-bytes (${formatSize(sync.value)})`]
      : [sync.at, `expected at most spool.size (${formatSize(size.value)})`];
  const found = formatSize(sync.at === DEFAULT ? size.value : sync.value);
  tell({ ...at, message: `${message}, found ${found}` });
}

async function readFileLayer(file: string, tell: Tell): Promise<Layer> {
  const text = await readText(file, tell);
  if (text === undefined) return new Map();
  // The YAML library is loaded only where there is a file.
  const { fileLayer } = await import('./file-layer.js');
  return fileLayer(ALL_KEYS, file, text, tell);
}

/** The text of a file; where it cannot be had, that is told. */
async function readText(file: string, tell: Tell): Promise<string | undefined> {
  const place = file === '' ? `${CONFIG_FILE.flag} or ${CONFIG_FILE.env}` : file;
  const chunks: Buffer[] = [];
  try {
    // One byte more than is allowed shows that there are more; a device may have no end.
    for await (const chunk of createReadStream(file, { end: CONFIG_FILE_BYTES })) chunks.push(chunk);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell({ place, message: `expected a configuration file, it cannot be read: ${reason}` });
    return undefined;
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > CONFIG_FILE_BYTES) {
    tell({ place, message: `expected a configuration file of at most ${formatSize(CONFIG_FILE_BYTES)}` });
    return undefined;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    tell({ place, message: 'expected a YAML file, found bytes that are no UTF-8' });
    return undefined;
  }
}
