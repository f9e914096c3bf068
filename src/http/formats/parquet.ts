import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { type Export, type Format, grouped } from './format.js';
import { type TypedColumn, typedColumn, typedValue, type ValueType } from './typed-values.js';

/** Apache Parquet with the types kept: a row group for each group of rows, Snappy, statistics of each column. */
export const parquet: Format = {
  name: 'parquet',
  mediaType: 'application/vnd.apache.parquet',
  extension: 'parquet',
  hasOrigin: false,
  async *write({ path, columns: all, batches }: Export) {
    const columns = all.map(typedColumn);
    const buffer = new TakenWriter();
    const writer = new ParquetWriter({
      writer: buffer,
      schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaElements)],
      createdBy: 'zeekway',
      kvMetadata: [
        { key: 'zeek.path', value: path },
        { key: 'zeek.types', value: JSON.stringify(columns.map(({ key, zeekType }) => [key, zeekType])) },
      ],
    });
    for await (const rows of grouped(batches)) {
      const columnData = columns.map((column, at) => ({
        name: column.key,
        data: rows.map((row) => typedValue(column, row[at] ?? null)),
      }));
      await writer.write({ columnData, rowGroupSize: rows.length });
      yield buffer.take();
    }
    await writer.finish();
    yield buffer.take();
  },
};

/** The library's buffer, which is given away after each row group; places in the file go on counting. */
class TakenWriter extends ByteWriter {
  take(): Uint8Array {
    const bytes = this.getBytes().slice();
    this.index = 0;
    return bytes;
  }
}

/**
 * Integers have the older kind of type alone: of the newer one the library writes the width as an i32 where Parquet's
 * definition has an i8, and readers that keep to it (Arrow, DuckDB) refuse the whole file.
 */
const VALUE_ELEMENTS: Readonly<Record<ValueType, Omit<SchemaElement, 'name'>>> = {
  bool: { type: 'BOOLEAN' },
  int64: { type: 'INT64', converted_type: 'INT_64' },
  uint64: { type: 'INT64', converted_type: 'UINT_64' },
  uint16: { type: 'INT32', converted_type: 'UINT_16' },
  float64: { type: 'DOUBLE' },
  micros: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
};

/** A list has the three levels that the specification asks for. */
function schemaElements({ key, type, isList }: TypedColumn): SchemaElement[] {
  const value = (name: string): SchemaElement => ({
    ...VALUE_ELEMENTS[type],
    name,
    repetition_type: 'OPTIONAL',
  });
  if (!isList) return [value(key)];
  return [
    {
      name: key,
      repetition_type: 'OPTIONAL',
      num_children: 1,
      converted_type: 'LIST',
      logical_type: { type: 'LIST' },
    },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    value('element'),
  ];
}
