import { encodeLogRecord } from '../../src/codec/log-record.js';
import { field, logItem, origin, schemaOf } from '../bridge/support.js';

const schema = schemaOf('conn', [field('uid', 'string'), field('service', 'string')]);
const from = origin('worker');

/** A connection on its way into the database. */
export const conn = (uid: string) =>
  logItem(
    schema,
    encodeLogRecord([
      { type: 'string', value: uid },
      { type: 'string', value: 'dns' },
    ]),
    from,
  );
