import test from 'ava';
import fc from 'fast-check';
import { Port } from '../../src/codec/port.js';
import * as arbitrary from '../support/arbitrary.js';

test("a port survives being text, Zeek's and Broker's", (t) => {
  fc.assert(
    fc.property(arbitrary.port, (port) => {
      t.true(Port.parse(port.toString()).equals(port));
      t.true(Port.parse(port.toBrokerString()).equals(port));
      t.is(JSON.stringify(port), `"${port}"`);
    }),
  );
});

test('ports are shown as Zeek shows them, and as Broker does', (t) => {
  t.is(Port.parse('80/tcp').toString(), '80/tcp');
  t.is(Port.of(0, 'unknown').toString(), '0/unknown');
  t.is(Port.of(0, 'unknown').toBrokerString(), '0/?');
  t.is(Port.parse('0/?').protocol, 'unknown');
  t.is(Port.parse('8/icmp').protocolNumber, 3);
});

test('what is no port is refused', (t) => {
  for (const text of [
    '',
    '80',
    '80/',
    '/tcp',
    '65536/tcp',
    '-1/tcp',
    '80/sctp',
    '80/TCP',
    ' 80/tcp',
    '80/tcp ',
    '1e3/tcp',
  ]) {
    t.throws(() => Port.parse(text), { code: 'text_invalid' }, text);
  }
  t.throws(() => Port.of(1.5, 'tcp'), { code: 'text_invalid' });
});

test('ports compare by number, then by protocol', (t) => {
  const texts = ['1/udp', '2/unknown', '2/tcp', '2/udp', '2/icmp', '10/tcp'];
  const sorted = texts
    .toReversed()
    .map(Port.parse)
    .sort((a, b) => a.compare(b));
  t.deepEqual(sorted.map(String), texts);
});
