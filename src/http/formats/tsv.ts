import { isUtf8 } from 'node:buffer';
import { roundedMicros } from '../../codec/micros.js';
import { unescapeText } from '../../codec/text.js';
import { elementType } from '../../filter/expression.js';
import { microsFromSql } from '../times.js';
import { subnetFromSql } from '../values.js';
import type { Export, ExportColumn, ExportRow, Format } from './format.js';

/**
 * Zeek's own log files, byte for byte as its ASCII writer makes them (zeek/zeek src/logging/writers/ascii/Ascii.cc,
 * src/threading/formatters/Ascii.cc, src/Desc.cc): whatever reads Zeek's logs reads these.
 */
export const tsv: Format = {
  name: 'tsv',
  mediaType: 'text/tab-separated-values',
  extension: 'log',
  hasOrigin: false,
  async *write({ path, columns, batches }: Export) {
    yield header(path, columns);
    const writers = columns.map(cellWriter);
    for await (const rows of batches) yield rows.map((row) => line(row, writers)).join('');
    yield `#close\t${timestamp(new Date())}\n`;
  },
};

const UNSET = '-';
const EMPTY = '(empty)';

/** In UTC, where Zeek has the time of its machine. */
const timestamp = (time: Date): string => time.toISOString().slice(0, 19).replace(/[T:]/g, '-');

function header(path: string, columns: readonly ExportColumn[]): string {
  return [
    '#separator \\x09',
    '#set_separator\t,',
    `#empty_field\t${EMPTY}`,
    `#unset_field\t${UNSET}`,
    `#path\t${Buffer.from(path)
      .toString('latin1')
      .replace(/[^!-~]/g, escaped)}`,
    `#open\t${timestamp(new Date())}`,
    `#fields\t${columns.map(({ key }) => key).join('\t')}`,
    `#types\t${columns.map(({ zeekType }) => zeekType).join('\t')}`,
    '',
  ].join('\n');
}

type CellWriter = (cell: ExportRow[number]) => string;

function line(row: ExportRow, writers: readonly CellWriter[]): string {
  const text = writers.map((write, at) => write(row[at] ?? null)).join('\t');
  // A record is no header.
  return text.startsWith('#') ? `\\x23${text.slice(1)}\n` : `${text}\n`;
}

function cellWriter(column: ExportColumn): CellWriter {
  const element = elementType(column.zeekType);
  if (element === column.zeekType) {
    const write = scalarWriter(element, ALONE);
    return (cell) => (cell === null ? UNSET : write(String(cell)));
  }
  const write = scalarWriter(element, IN_SET);
  return (cell) => {
    if (cell === null) return UNSET;
    if (cell.length === 0) return EMPTY;
    return [...cell].map((item) => (item === null ? UNSET : write(item))).join(',');
  };
}

function scalarWriter(zeekType: string, place: Place): (text: string) => string {
  switch (zeekType) {
    case 'bool':
      return (text) => (text === 't' ? 'T' : 'F');
    case 'int':
    case 'count':
    case 'port':
    case 'addr':
      return (text) => text;
    case 'subnet':
      return subnetFromSql;
    case 'time':
      return timeText;
    case 'interval':
      return (text) => fixedText(Number(text));
    case 'double':
      return (text) => doubleText(Number(text));
    default:
      return (text) => stringText(text, place);
  }
}

/** The first character, which stands for a byte. */
const escaped = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;

/** Where a text stands decides which characters are special. A backslash may also begin one of our own escapes. */
interface Place {
  /** Texts without any of them, of ASCII that can be printed: written as they are. */
  readonly plain: RegExp;
  readonly special: RegExp;
}
const ALONE: Place = { plain: /^[ -[\]-~]+$/, special: /([\t\\])/ };
const IN_SET: Place = { plain: /^[ -+\--[\]-~]+$/, special: /([\t\\,])/ };

function stringText(text: string, { plain, special }: Place): string {
  if (plain.test(text) && text !== UNSET && text !== EMPTY) return text;
  const latin1 = Buffer.from(unescapeText(text)).toString('latin1');
  if (latin1 === '') return EMPTY;
  if (latin1 === UNSET || latin1 === EMPTY) return escaped(latin1) + latin1.slice(1);
  // Between two special characters Zeek looks at each part on its own.
  return latin1
    .split(special)
    .map((part, index) => (index % 2 === 0 ? partText(part) : part === '\\' ? '\\\\' : escaped(part)))
    .join('');
}

/** Control characters, the private use area and the specials: `check_ok_utf8` of Zeek's src/util.cc. */
const NOT_SHOWN = /[^ -~\u00a0-\udfff\uf900-\uffef]/;

/** UTF-8 stays where all of it can be shown; else every byte that is not ASCII is escaped. */
function partText(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    if (!NOT_SHOWN.test(text)) return text;
  }
  return latin1.replace(/[^ -~]/g, escaped);
}

function timeText(text: string): string {
  const micros = microsFromSql(text);
  // PostgreSQL's infinities stand for times that it cannot hold.
  if (micros === undefined) return text.startsWith('-') ? '-inf' : 'inf';
  const magnitude = micros < 0n ? -micros : micros;
  const sign = micros < 0n ? '-' : '';
  return `${sign}${magnitude / 1_000_000n}.${String(magnitude % 1_000_000n).padStart(6, '0')}`;
}

/** C's `%.6f`, which rounds ties to even and has no exponents; JavaScript's `toFixed` does neither. */
function fixedText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}inf`;
  const whole = Math.floor(magnitude);
  const micros = roundedMicros(magnitude, magnitude - whole);
  const carry = micros === 1_000_000 ? 1n : 0n;
  return `${sign}${BigInt(whole) + carry}.${String(micros % 1_000_000).padStart(6, '0')}`;
}

/** At most six decimals, and one where it is a whole number, or as good as one. */
function doubleText(value: number): string {
  const text = fixedText(value === 0 ? 0 : value);
  if (!Number.isFinite(value)) return text;
  const short = text.replace(/\.?0+$/, '');
  return Math.abs(value - Math.round(value)) < 1e-9 ? `${short}.0` : short;
}
