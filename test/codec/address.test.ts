import { isIPv4, isIPv6 } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { Address, Subnet } from '../../src/codec/address.js';
import * as arbitrary from '../support/arbitrary.js';

const number = (address: Address): bigint => BigInt(`0x${Buffer.from(address.bytes).toString('hex')}`);

test('an address survives being text', (t) => {
  fc.assert(
    fc.property(arbitrary.address, (address) => {
      t.deepEqual(Address.parse(address.toString()).bytes, address.bytes);
      t.deepEqual(Address.parse(`[${address}]`).bytes, address.bytes);
      t.deepEqual(Address.fromBytes(address.familyBytes).bytes, address.bytes);
    }),
    { numRuns: 2_000 },
  );
});

test('addresses are shown as RFC 5952 says', (t) => {
  const shown = {
    '10.0.0.1': '10.0.0.1',
    '::ffff:1.2.3.4': '1.2.3.4',
    '::ffff:102:304': '1.2.3.4',
    '::': '::',
    '::1': '::1',
    '2001:0DB8:0000:0000:0000:0000:0002:0001': '2001:db8::2:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    'fe80:0:0:0:0:0:0:0': 'fe80::',
    '0:0:0:0:0:0:0:1': '::1',
    '1:0:0:0:0:0:0:0': '1::',
    '0:1:0:1:0:1:0:1': '0:1:0:1:0:1:0:1',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    '::1.2.3.4': '::102:304',
  };
  for (const [text, expected] of Object.entries(shown)) t.is(Address.parse(text).toString(), expected, text);
  t.is(JSON.stringify(Address.parse('::ffff:1.2.3.4')), '"1.2.3.4"');
});

/** RFC 5952, section 4, a second time. */
function rfc5952(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

test('the form of RFC 5952 is that of a model', (t) => {
  fc.assert(
    fc.property(arbitrary.address, (address) => {
      if (!address.isV4) t.is(address.toString(), rfc5952(address.bytes));
    }),
    { numRuns: 2_000 },
  );
});

test('what is no address is refused', (t) => {
  const wrong = [
    '',
    '10',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '0x0a.0.0.1',
    '1.2.3.4.5',
    ' 1.2.3.4',
    '1:2',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '[::1',
    '12345::',
    'g::',
    '::1/64',
    '1.2.3.4\n',
    '::ffff:010.0.0.1',
    '::0x1.2.3.4',
  ];
  for (const text of wrong) {
    const error = t.throws(() => Address.parse(text), { code: 'text_invalid' }, text);
    t.true(error?.message.includes(text));
  }
});

test('exactly those texts are addresses that Node takes for such', (t) => {
  const unit = fc.constantFrom('0', '1', 'f', ':', '::', '.', '255', '256', '1.2.3.4', '00', 'ffff');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 9 }), (text) => {
      let isAddress = true;
      try {
        Address.parse(text);
      } catch {
        isAddress = false;
      }
      t.is(isAddress, isIPv4(text) || isIPv6(text), text);
    }),
    { numRuns: 5_000 },
  );
});

test('addresses compare bytewise', (t) => {
  fc.assert(
    fc.property(arbitrary.address, arbitrary.address, (a, b) => {
      const difference = number(a) - number(b);
      t.is(Math.sign(a.compare(b)), difference < 0n ? -1 : difference > 0n ? 1 : 0);
      t.is(a.equals(b), difference === 0n);
    }),
  );
});

test('other lengths than 4 and 16 bytes are refused', (t) => {
  for (const length of [0, 3, 5, 15, 17]) {
    t.throws(() => Address.fromBytes(new Uint8Array(length)), { code: 'text_invalid' });
  }
});

test('a subnet survives being text', (t) => {
  fc.assert(
    fc.property(arbitrary.subnet, (subnet) => {
      const again = Subnet.parse(subnet.toString());
      t.true(again.equals(subnet), `${subnet} is not ${again}`);
    }),
    { numRuns: 2_000 },
  );
});

test('subnets count the bits of their own family in text and all 128 on the wire', (t) => {
  const shown: [string, number, string][] = [
    ['10.0.0.0/8', 104, '10.0.0.0/8'],
    ['192.168.1.1/32', 128, '192.168.1.1/32'],
    ['0.0.0.0/0', 96, '0.0.0.0/0'],
    ['2001:db8::/32', 32, '2001:db8::/32'],
    ['[2001:db8::]/32', 32, '2001:db8::/32'],
    ['::/0', 0, '::/0'],
    ['10.1.2.3/8', 104, '10.1.2.3/8'],
    ['::ffff:10.0.0.0/104', 104, '10.0.0.0/8'],
    ['::ffff:0:0/90', 90, '::ffff:0:0/90'],
  ];
  for (const [text, wireLength, expected] of shown) {
    const subnet = Subnet.parse(text);
    t.is(subnet.wireLength, wireLength, text);
    t.is(subnet.toString(), expected, text);
  }
});

test('what is no subnet is refused', (t) => {
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '::/129',
    '/8',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '::ffff:10.0.0.0/129',
  ]) {
    t.throws(() => Subnet.parse(text), { code: 'text_invalid' }, text);
  }
  for (const length of [-1, 129, 1.5]) {
    t.throws(() => Subnet.fromWire(Address.parse('::'), length), { code: 'text_invalid' });
  }
  t.throws(() => Subnet.of(Address.parse('10.0.0.0'), 33), { code: 'text_invalid' });
});

test('contains is the arithmetic of a model', (t) => {
  const prefix = (address: Address, length: number): bigint => number(address) >> BigInt(128 - length);
  /** An address in or near a subnet: its own with some bits flipped. */
  const near = fc.tuple(arbitrary.subnet, fc.array(fc.nat(127), { maxLength: 2 })).map(([subnet, flips]) => {
    const bytes = Uint8Array.from(subnet.address.bytes);
    for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
    return { subnet, address: Address.fromBytes(bytes) };
  });
  fc.assert(
    fc.property(near, fc.nat(128), ({ subnet, address }, length) => {
      const expected = prefix(address, subnet.wireLength) === prefix(subnet.address, subnet.wireLength);
      t.is(subnet.contains(address), expected);
      const inner = Subnet.fromWire(address, length);
      t.is(subnet.contains(inner), expected && length >= subnet.wireLength);
    }),
    { numRuns: 2_000 },
  );
  t.true(Subnet.parse('10.0.0.0/8').contains(Address.parse('::ffff:10.9.8.7')));
  t.true(Subnet.parse('::/0').contains(Address.parse('10.9.8.7')));
});
