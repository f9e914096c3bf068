import { isAbsent, LOG_TYPES, type LogValue } from '../../src/codec/log-record.js';
import { nameToBytes, textToBytes } from '../../src/codec/text.js';
import type { Value } from '../../src/codec/value.js';
import type { Plain } from './oracle.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function doubleHex(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

/** A value of the codec in the form that the oracle gives. */
export function plainValue(value: Value): Plain {
  switch (value.type) {
    case 'none':
      return { none: null };
    case 'boolean':
      return { boolean: value.value };
    case 'count':
    case 'integer':
    case 'timestamp':
    case 'timespan':
      return { [value.type]: String(value.value) };
    case 'real':
      return { real: doubleHex(value.value) };
    case 'string':
      return { string: hex(textToBytes(value.value)) };
    case 'enum-value':
      return { 'enum-value': hex(nameToBytes(value.value)) };
    case 'address':
      return { address: hex(value.value.bytes) };
    case 'subnet':
      return { subnet: [hex(value.value.address.bytes), value.value.wireLength] };
    case 'port':
      return { port: [value.value.number, value.value.protocolNumber] };
    case 'set':
    case 'vector':
      return { [value.type]: value.value.map(plainValue) };
    case 'table':
      return { table: value.value.map(([key, item]) => [plainValue(key), plainValue(item)]) };
  }
}

/** A value of a log record in the form that the oracle gives; a scalar's subtype is 0 on the wire. */
export function plainLogValue(value: LogValue): Plain {
  const subtype = 'subtype' in value ? LOG_TYPES.indexOf(value.subtype) : 0;
  return [LOG_TYPES.indexOf(value.type), subtype, isAbsent(value) ? null : plainContent(value)];
}

function plainContent(value: Exclude<LogValue, { absent: true }>): Plain {
  switch (value.type) {
    case 'bool':
      return value.value ? '1' : '0';
    case 'int':
    case 'count':
      return String(value.value);
    case 'double':
    case 'time':
    case 'interval':
      return doubleHex(value.value);
    case 'string':
    case 'func':
    case 'file':
      return hex(textToBytes(value.value));
    case 'enum':
      return hex(nameToBytes(value.value));
    case 'port':
      return [String(value.value.number), value.value.protocolNumber];
    case 'addr':
      return hex(value.value.familyBytes);
    case 'subnet':
      return [value.value.wireLength, hex(value.value.address.familyBytes)];
    case 'table':
    case 'vector':
      return value.value.map(plainLogValue);
  }
}
