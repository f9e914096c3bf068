import { readFileSync } from 'node:fs';
import test from 'ava';
import { communityId } from '../../src/bridge/community-id.js';
import { Address } from '../../src/codec/address.js';
import { encodeLogRecord, type LogValue } from '../../src/codec/log-record.js';
import { Port } from '../../src/codec/port.js';
import { LiveRows } from '../../src/live/live-rows.js';
import { ownDatabase } from '../support/database.js';
import { logsOf } from '../support/stored-logs.js';
import { column, makeBridge, messages } from './numbers.js';
import { field, logItem, origin, schemaOf } from './support.js';

const flow = (from: string, fromPort: number, to: string, toPort: number, protocol: string) => ({
  originator: Address.parse(from),
  originatorPort: fromPort,
  responder: Address.parse(to),
  responderPort: toPort,
  protocol,
});

test('the IDs are those that Zeek logged', (t) => {
  let compared = 0;
  for (const name of ['native-logs', 'broker-cluster', 'zeromq'] as const) {
    for (const file of logsOf(name, 'json').filter((one) => one.endsWith('/conn.log'))) {
      for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
        const record = JSON.parse(line);
        const [from, to] = [record['id.orig_h'], record['id.resp_h']];
        // Zeek orders the ports of one address by their bytes the other way round on most machines, against the
        // specification; and it hashes what has no ports, too.
        if (from === to || record.proto === 'unknown_transport') continue;
        const id = communityId(flow(from, record['id.orig_p'], to, record['id.resp_p'], record.proto));
        t.is(id, record.community_id, line);
        compared += 1;
      }
    }
  }
  t.true(compared > 900, String(compared));
});

// From the baseline of the specification (github.com/corelight/community-id-spec).
const BASELINE: readonly [ReturnType<typeof flow>, string][] = [
  [flow('128.232.110.120', 34_855, '66.35.250.204', 80, 'tcp'), '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
  [flow('66.35.250.204', 80, '128.232.110.120', 34_855, 'tcp'), '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
  [flow('192.168.1.52', 54_585, '8.8.8.8', 53, 'udp'), '1:d/FP5EW3wiY1vCndhwleRRKHowQ='],
  [flow('192.168.0.89', 8, '192.168.0.1', 0, 'icmp'), '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
  [flow('192.168.0.1', 0, '192.168.0.89', 0, 'icmp'), '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
];

for (const [given, id] of BASELINE) {
  test(`of the specification: ${given.originator} ${given.originatorPort} ${given.protocol} is ${id}`, (t) => {
    t.is(communityId(given), id);
  });
}

const FIELDS = [
  field('ts', 'time'),
  field('id.orig_h', 'addr'),
  field('id.orig_p', 'port'),
  field('id.resp_h', 'addr'),
  field('id.resp_p', 'port'),
  field('proto', 'enum'),
];
const SCHEMA = { ...schemaOf('conn', FIELDS), stream: 'Conn::LOG' };

const values = (proto: LogValue): LogValue[] => [
  { type: 'time', value: 1_700_000_000 },
  { type: 'addr', value: Address.parse('128.232.110.120') },
  { type: 'port', value: Port.of(34_855, 'tcp') },
  { type: 'addr', value: Address.parse('66.35.250.204') },
  { type: 'port', value: Port.of(80, 'tcp') },
  proto,
];

test('a connection without one gets one, stored and live; a log with Zeek’s own is left as it is', async (t) => {
  const { db } = await ownDatabase(t);
  const from = origin('w');
  const own = { ...SCHEMA, path: 'own', fields: [...FIELDS, field('community_id', 'string')] };
  const absent: LogValue = { type: 'enum', subtype: 'void', absent: true };
  const tcp: LogValue = { type: 'enum', value: 'tcp' };
  const items = [
    logItem(SCHEMA, encodeLogRecord(values(tcp)), from),
    logItem(SCHEMA, encodeLogRecord(values(absent)), from),
    logItem(own, encodeLogRecord([...values(tcp), { type: 'string', value: '1:mine' }]), from),
  ];
  const live = new LiveRows();
  const ids: unknown[] = [];
  for (const path of ['conn', 'own']) {
    const deliver = (row: string) => ids.push(JSON.parse(row).community_id) > 0;
    live.watch({ path, columns: [], filter: undefined, deliver });
  }
  live.offer(items);
  t.deepEqual(ids, ['1:LQU9qZlK+B5F3KDmev6m5PMibrg=', undefined, '1:mine']);
  const { bridge } = makeBridge(t, db);
  await bridge.run(messages(items));
  await bridge.close();
  t.deepEqual(await column(db, 'SELECT community_id FROM logs.conn ORDER BY 1'), [
    '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
    null,
  ]);
  t.deepEqual(await column(db, 'SELECT community_id FROM logs.own'), ['1:mine']);
});
