import {
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  Int64,
  List,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint16,
  Uint64,
  Utf8,
} from 'apache-arrow';
import { type Export, grouped } from './format.js';
import {
  type TypedColumn,
  type TypedValue,
  typedColumn,
  typedValue,
  type ValueType,
} from './typed-values.js';

/** The stream: its schema, a record batch for each group of rows, and its end. */
export async function* writeArrow({ path, columns: all, batches }: Export): AsyncGenerator<Uint8Array> {
  const columns = all.map(typedColumn);
  const schema = new Schema(columns.map(fieldOf), new Map([['zeek.path', path]]));
  const writer = new TakenWriter();
  writer.reset(undefined, schema);
  for await (const rows of grouped(batches)) {
    const children = columns.map((column, at) =>
      columnData(
        column,
        rows.map((row) => typedValue(column, row[at] ?? null)),
      ),
    );
    const data = makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children });
    writer.write(new RecordBatch(schema, data));
    yield writer.take();
  }
  writer.finish();
  yield writer.take();
}

/** The library puts what it wrote into a queue without an end; this one gives it away after each batch. */
class TakenWriter extends RecordBatchStreamWriter {
  private parts: Uint8Array[] = [];

  take(): Uint8Array {
    const bytes = Buffer.concat(this.parts);
    this.parts = [];
    return bytes;
  }

  protected override _write(chunk: ArrayBufferView): this {
    this.parts.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    return this;
  }
}

const VALUE_TYPES: Readonly<Record<ValueType, DataType>> = {
  bool: new Bool(),
  int64: new Int64(),
  uint64: new Uint64(),
  uint16: new Uint16(),
  float64: new Float64(),
  micros: new TimestampMicrosecond('UTC'),
  text: new Utf8(),
};

function typeOf({ type, isList }: TypedColumn): DataType {
  return isList ? new List(new Field('item', VALUE_TYPES[type], true)) : VALUE_TYPES[type];
}

function fieldOf(column: TypedColumn): Field {
  return new Field(column.key, typeOf(column), true, new Map([['zeek.type', column.zeekType]]));
}

type Value = ReturnType<typeof typedValue>;

function columnData(column: TypedColumn, values: readonly Value[]): Data {
  if (!column.isList) return scalarData(column.type, values as (TypedValue | null)[]);
  const lists = values as ((TypedValue | null)[] | null)[];
  const child = scalarData(
    column.type,
    lists.flatMap((list) => list ?? []),
  );
  return makeData({
    type: typeOf(column) as List,
    length: lists.length,
    ...validity(lists),
    valueOffsets: offsets(lists.map((list) => list?.length ?? 0)),
    child,
  });
}

/** One bit a value, the lowest first; set where there is one. */
function validity(values: readonly unknown[]): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = bits(values.map((value) => value !== null));
  return { nullBitmap, nullCount: values.filter((value) => value === null).length };
}

function bits(flags: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, at) => {
    if (flag) bytes[at >> 3] = (bytes[at >> 3] as number) | (1 << (at & 7));
  });
  return bytes;
}

/** Where each of some things begins that lie behind each other, and where the last one ends. */
function offsets(lengths: readonly number[]): Int32Array {
  const starts = new Int32Array(lengths.length + 1);
  lengths.forEach((length, at) => {
    starts[at + 1] = (starts[at] as number) + length;
  });
  return starts;
}

function scalarData(type: ValueType, values: readonly (TypedValue | null)[]): Data {
  const common = { length: values.length, ...validity(values) };
  const bigints = (): bigint[] => values.map((value) => (value ?? 0n) as bigint);
  const numbers = (): number[] => values.map((value) => (value ?? 0) as number);
  switch (type) {
    case 'bool':
      return makeData({ type: new Bool(), ...common, data: bits(values.map((value) => value === true)) });
    case 'int64':
      return makeData({ type: new Int64(), ...common, data: BigInt64Array.from(bigints()) });
    case 'uint64':
      return makeData({ type: new Uint64(), ...common, data: BigUint64Array.from(bigints()) });
    case 'micros':
      return makeData({
        type: new TimestampMicrosecond('UTC'),
        ...common,
        data: BigInt64Array.from(bigints()),
      });
    case 'uint16':
      return makeData({ type: new Uint16(), ...common, data: Uint16Array.from(numbers()) });
    case 'float64':
      return makeData({ type: new Float64(), ...common, data: Float64Array.from(numbers()) });
    case 'text': {
      const texts = values.map((value) => (value ?? '') as string);
      const valueOffsets = offsets(texts.map((text) => Buffer.byteLength(text)));
      return makeData({ type: new Utf8(), ...common, valueOffsets, data: Buffer.from(texts.join('')) });
    }
  }
}
