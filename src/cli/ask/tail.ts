import { styleText } from 'node:util';
import { ZeekwayError } from '../../core/errors.js';
import { Api, type ApiOptions } from './api.js';
import { type Asking, columnsOf, write } from './asking.js';
import { cell, type Row } from './rows-table.js';

export interface TailFlags extends ApiOptions {
  readonly filter?: string;
  readonly fields?: string;
  readonly output: 'text' | 'json';
}

/** `zeekway tail`: until the signal aborts. */
export async function tailCommand(
  logs: readonly string[],
  flags: TailFlags,
  asking: Asking,
): Promise<number> {
  const api = new Api(flags, asking.signal);
  const { filter, fields } = flags;
  try {
    const response = await api.get('/v1/tail', { log: logs, filter, fields });
    for await (const { event, data } of api.events(response)) {
      await printLive(event, data, logs.length > 1, flags, asking);
    }
  } catch (error) {
    if (asking.signal.aborted) return 0;
    throw error;
  }
  throw new ZeekwayError('api_unexpected', `${flags.api}: the gateway ended the tail`);
}

async function printLive(
  event: string,
  data: string,
  isMixed: boolean,
  { output, fields }: TailFlags,
  { stdout, terminal, isColoured }: Asking,
): Promise<void> {
  const message = JSON.parse(data);
  if (event === 'gap') {
    terminal.err(
      `zeekway: ${message.dropped} rows are missing here: they came faster than they could be shown`,
    );
    return;
  }
  const { path, row } = message as { path: string; row: Row };
  if (output === 'json') return write(stdout, `${JSON.stringify(isMixed ? { _path: path, ...row } : row)}\n`);
  const name = (text: string): string => (isColoured ? styleText('dim', text) : text);
  const pairs = columnsOf([row], fields)
    .filter((column) => row[column] !== undefined)
    .map((column) => `${name(`${column}=`)}${cell(row[column])}`);
  return write(stdout, `${isMixed ? `${path} ` : ''}${pairs.join(' ')}\n`);
}
