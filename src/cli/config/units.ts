/** Units from the largest to the smallest, each with what it is worth in the smallest. */
type Units = readonly (readonly [name: string, worth: number])[];

const SIZES: Units = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

const DURATIONS: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

function parse(text: string, units: Units): number | undefined {
  const [, digits, unit] = /^(\d+) ?([A-Za-z]+)$/.exec(text) ?? [];
  const worth = units.find(([name]) => name.toLowerCase() === unit?.toLowerCase())?.[1];
  const value = worth === undefined ? Number.NaN : Number(digits) * worth;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** In the largest unit that leaves no fraction. */
function format(value: number, units: Units): string {
  const [name, worth] = units.find(([, each]) => value >= each && value % each === 0) ??
    units.at(-1) ?? ['', 1];
  return `${value / worth}${name}`;
}

/** Bytes of `512MiB`, `4GiB` or a number of bytes; `undefined` for anything else and above 2^53. */
export const parseSize = (text: string): number | undefined =>
  parse(/^\d+$/.test(text) ? `${text}B` : text, SIZES);

/** Writes bytes so that `parseSize` gives the same number again. */
export const formatSize = (bytes: number): string => format(bytes, SIZES);

/** Milliseconds of `50ms`, `2s`, `15m`, `1h` or `30d`; `undefined` for anything else and above 2^53. */
export const parseDuration = (text: string): number | undefined => parse(text, DURATIONS);

/** Writes milliseconds so that `parseDuration` gives the same number again. */
export const formatDuration = (ms: number): string => format(ms, DURATIONS);
