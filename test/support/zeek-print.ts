import { textToBytes } from '../../src/codec/text.js';
import type { Value } from '../../src/codec/value.js';

/*
 * What Zeek's `print` makes of the arguments of the recorded events (`Gw::*`), from the decoded values. Independent of
 * src's own notation, which is that of scripts.
 */

const DAY = 86_400_000_000_000n;
const UNITS: readonly (readonly [string, bigint])[] = [
  ['day', DAY],
  ['hr', DAY / 24n],
  ['min', DAY / 1_440n],
  ['sec', 1_000_000_000n],
  ['msec', 1_000_000n],
  ['usec', 1_000n],
];

function interval(nanos: bigint): string {
  let rest = nanos;
  const parts = UNITS.flatMap(([unit, size]) => {
    const whole = rest / size;
    rest %= size;
    return whole === 0n ? [] : [`${whole}.0 ${unit}${whole === 1n || whole === -1n ? '' : 's'}`];
  });
  return parts.length === 0 ? '0 secs' : parts.join(' ');
}

const double = (value: number): string =>
  Number.isInteger(value) && value < 1e15 ? `${value}.0` : `${value}`;

const ascii = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');

const braces = (items: readonly string[]): string => `{\n${items.join(',\n')}\n}`;

/** A value as Zeek prints it; a record is a vector here, see `record`. */
function print(value: Value): string {
  switch (value.type) {
    case 'none':
      return '<uninitialized>';
    case 'boolean':
      return value.value ? 'T' : 'F';
    case 'real':
      return double(value.value);
    case 'timestamp':
      return double(Number(value.value / 1_000n) / 1e6);
    case 'timespan':
      return interval(value.value);
    case 'string':
      return ascii(textToBytes(value.value));
    case 'set':
      return braces(value.value.map(print));
    case 'table':
      return braces(value.value.map(([key, item]) => `[${print(key)}] = ${print(item)}`));
    case 'vector':
      return `[${value.value.map(print).join(', ')}]`;
    default:
      return String(value.value);
  }
}

/** What a set, vector, record or table has in it. */
function items(value: Value | undefined): readonly (Value | readonly [Value, Value])[] {
  if (value?.type !== 'set' && value?.type !== 'vector' && value?.type !== 'table') {
    throw new TypeError(`a ${value?.type} has no items`);
  }
  return value.value;
}

function fields(value: Value | undefined): readonly Value[] {
  if (value?.type !== 'vector') throw new TypeError(`a ${value?.type} is no record and no vector`);
  return value.value;
}

/** Records travel without the names of their fields: the script has them. */
const record = (names: readonly string[], values: readonly string[]): string =>
  `[${names.map((name, index) => `${name}=${values[index]}`).join(', ')}]`;

const inner = (value: Value): string => record(['a', 'n', 'tags'], fields(value).map(print));

function outer(value: Value | undefined): string {
  const [id, one, many, table] = fields(value) as [Value, Value, Value, Value];
  const all = `[${fields(many).map(inner).join(', ')}]`;
  return record(['id', 'inner', 'vec', 't'], [print(id), inner(one), all, print(table)]);
}

/** `print "<name>", ...` of the handlers in the script that was recorded. */
const HANDLERS: Readonly<Record<string, (args: readonly Value[]) => string[]>> = {
  scalars: (args) => args.map(print),
  network: (args) => args.map(print),
  // Of the set, the set of two, and the table of two, it prints the sizes.
  containers: (args) =>
    args.map((arg, index) => ([0, 1, 3].includes(index) ? String(items(arg).length) : print(arg))),
  records: ([arg]) => [outer(arg)],
  misc: ([pattern, payload, big, neg, any]) => [
    // A pattern comes as two texts, for the whole and for a part of a string.
    `/${print(fields(pattern)[0] as Value)}/`,
    ...[payload, big, neg].map((arg) => print(arg as Value)),
    // An `any` is a Broker::Data for the script; how Broker prints what is in it is the same for a subnet.
    `[data=broker::data{${print(any as Value)}}]`,
  ],
};

/** What the handler of an event prints; nothing where there is none. */
export function printedBy(name: string, args: readonly Value[]): string | undefined {
  const short = name.replace(/^Gw::/, '');
  const parts = HANDLERS[short]?.(args);
  return parts && oneLine(`${short}, ${parts.join(', ')}`);
}

/** Sets and tables are printed in the order of Zeek's hashes, with line breaks: sorted here, in one line. */
const oneLine = (printed: string): string =>
  printed.replace(/\{\n([^{}]*)\n\}/g, (_, content: string) => `{${content.split(',\n').sort().join(', ')}}`);

/** What the handlers printed, of all that Zeek did. */
export const handlerLines = (output: string): string[] =>
  oneLine(output)
    .split('\n')
    .filter((line) => Object.hasOwn(HANDLERS, line.split(', ')[0] ?? ''));
