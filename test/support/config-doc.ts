import { CONFIG_FILE, KEYS, type Key } from '../../src/cli/config/keys.js';

const HEAD = `| key | option | environment | default | meaning |
| --- | --- | --- | --- | --- |
`;

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => (text === '' ? '' : `\`${cell(text)}\``);

function standard({ defaults, defaultShown }: Key): string {
  return defaultShown === undefined ? code(defaults.join(', ')) : cell(defaultShown);
}

function option({ flag, argument, entry }: Key): string {
  return code(`${flag} ${entry === undefined ? argument.slice(1, -1).toUpperCase() : `${entry}=DAYS`}`);
}

/** The table of docs/operations.md, from the keys in src/cli/config/keys.ts. */
export function configDoc(): string {
  const rows = (Object.values(KEYS) as Key[]).map((key) => {
    const repeatable = key.shape === 'one' ? '' : ' (repeatable)';
    return `| ${code(key.path)} | ${option(key)}${repeatable} | ${code(key.env)} | ${standard(key)} | ${cell(key.meaning)} |\n`;
  });
  const file = `| | ${code(`${CONFIG_FILE.flag} FILE`)} | ${code(CONFIG_FILE.env)} | none | ${CONFIG_FILE.meaning} |\n`;
  return HEAD + rows.join('') + file;
}
