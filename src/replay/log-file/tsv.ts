import { isAscii } from 'node:buffer';
import { isLogScalar, type LogType, type LogValue } from '../../codec/log-record.js';
import { type Text, textFromBytes } from '../../codec/text.js';
import { ZeekwayError } from '../../core/errors.js';
import { type FieldType, parseFieldType } from '../../zeek/field-type.js';
import type { Item } from '../../zeek/item.js';
import type { LogSchema } from '../../zeek/log-schema.js';
import type { Line } from './lines.js';
import { absent, fileSchema, type LogFormat, type LogItems, tooLong } from './log-file.js';
import { misfit, scalarFromText } from './scalars.js';

/**
 * Zeek's TSV logs (zeek/zeek src/logging/writers/ascii/Ascii.cc, src/threading/formatters/Ascii.cc): header
 * lines that begin with `#`, then one record a line. A file may hold several headers, where logs were put
 * behind each other.
 *
 * What the format itself does not tell apart: a set or vector whose only element is the empty string is
 * written like an empty one, and read as that.
 */

const HASH = 0x23;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|\\)/g;

/** Undoes Zeek's escapes (`\xNN`, `\\`) in a text of one character a byte. */
function unescapeBytes(text: string): string {
  return text.replace(ESCAPE, (_, hex: string | undefined) =>
    hex === undefined ? '\\' : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const bytesToText = (text: string): Text => textFromBytes(Buffer.from(unescapeBytes(text), 'latin1'));
const plainToText = (text: string): Text => text;

interface Header {
  separator: string;
  setSeparator: string;
  empty: string;
  unset: string;
  path: string;
  fields: string[];
}

export class TsvFormat implements LogFormat {
  private header: Header;
  private schema: LogSchema | undefined;

  constructor(private readonly items: LogItems) {
    this.header = this.freshHeader();
  }

  read(lines: readonly Line[]): Item[] {
    const result: Item[] = [];
    for (const line of lines) {
      try {
        const item = line.bytes[0] === HASH ? this.readHeader(line) : this.readRecord(line);
        if (item) result.push(item);
      } catch (error) {
        result.push(this.items.badLine(line, this.header.path, error));
      }
    }
    return result;
  }

  private freshHeader(): Header {
    return {
      separator: '\t',
      setSeparator: ',',
      empty: '(empty)',
      unset: '-',
      path: this.items.path,
      fields: [],
    };
  }

  private readHeader(line: Line): Item | undefined {
    const text = line.bytes.toString('latin1');
    if (text.startsWith('#separator ')) {
      this.header = { ...this.freshHeader(), separator: unescapeBytes(text.slice('#separator '.length)) };
      this.schema = undefined;
      return undefined;
    }
    const [name, ...values] = text.split(this.header.separator);
    const value = unescapeBytes(values[0] ?? '');
    switch (name) {
      case '#set_separator':
        this.header.setSeparator = value;
        break;
      case '#empty_field':
        this.header.empty = values[0] ?? '';
        break;
      case '#unset_field':
        this.header.unset = values[0] ?? '';
        break;
      case '#path':
        this.header.path = value;
        break;
      case '#fields':
        this.schema = undefined;
        this.header.fields = values.map((field) => Buffer.from(field, 'latin1').toString('utf8'));
        break;
      case '#types':
        this.schema = this.schemaOf(values);
        return this.items.schema(this.schema);
    }
    return undefined;
  }

  private schemaOf(types: readonly string[]): LogSchema {
    const { fields, path } = this.header;
    if (types.length !== fields.length) {
      throw misfit(`${fields.length} types, one a field`, `${types.length} types`);
    }
    const known = new Map<string, FieldType>();
    fields.forEach((name, index) => {
      const type = parseFieldType(types[index] as string);
      if (!type) throw misfit(`the type of field ${name}`, types[index] as string);
      if (known.has(name)) throw misfit('fields of different names', `${name} twice`);
      known.set(name, type);
    });
    return fileSchema(path, known);
  }

  private readRecord(line: Line): Item | undefined {
    if (line.bytes.length === 0) return undefined;
    if (line.isTooLong) throw tooLong();
    const { schema, header } = this;
    if (!schema)
      throw new ZeekwayError('log_file_invalid', 'there is no readable #fields and #types before it');
    const texts = line.bytes.toString('latin1').split(header.separator);
    if (texts.length !== schema.fields.length) {
      throw misfit(`${schema.fields.length} fields`, `${texts.length} fields`);
    }
    const isPlain = isAscii(line.bytes) && !line.bytes.includes('\\');
    const asText = isPlain ? plainToText : bytesToText;
    const values = schema.fields.map((field, index) => {
      try {
        return this.value(field, texts[index] as string, asText);
      } catch (error) {
        if (!(error instanceof ZeekwayError)) throw error;
        throw new ZeekwayError(error.code, `field ${field.name}: ${error.message}`);
      }
    });
    return this.items.record(schema, values);
  }

  private value(type: FieldType, text: string, asText: (text: string) => Text): LogValue {
    if (text === this.header.unset) return absent(type.type);
    if (type.type !== 'table' && type.type !== 'vector') return this.scalar(type.type, text, asText);
    const texts = text === this.header.empty ? [] : text.split(this.header.setSeparator);
    const value = texts.map((item) =>
      item === this.header.unset ? absent(type.subtype) : this.scalar(type.subtype, item, asText),
    );
    return { type: type.type, subtype: type.subtype, value };
  }

  private scalar(type: LogType, text: string, asText: (text: string) => Text): LogValue {
    if (!isLogScalar(type)) throw misfit('a scalar', type);
    const isText = type === 'string' || type === 'enum' || type === 'func' || type === 'file';
    return scalarFromText(type, text, isText && text === this.header.empty ? () => '' : asText);
  }
}
