import test from 'ava';
import { curveKeyPair } from 'zeromq';
import { curveKeys } from '../../src/transport/curve.js';
import { z85Bytes, zapReply } from '../../src/transport/zap.js';

const KEY = Buffer.alloc(32, 7);
const request = (...last: (string | Buffer)[]): Buffer[] =>
  ['1.0', 'id', 'domain', '127.0.0.1', 'identity', ...last].map((part) => Buffer.from(part));

test('one key is let in, and nobody else', (t) => {
  const status = (...last: (string | Buffer)[]): unknown => zapReply(request(...last), KEY)[2];
  t.deepEqual(zapReply(request('CURVE', KEY), KEY), ['1.0', Buffer.from('id'), '200', 'OK', '', '']);
  t.is(status('CURVE', Buffer.alloc(32, 8)), '400');
  t.is(status('CURVE', KEY.subarray(1)), '400');
  t.is(status('CURVE'), '400');
  t.is(status('NULL'), '400');
  t.is(status('PLAIN', 'user', 'password'), '400');
  t.is(zapReply([], KEY)[2], '400');
});

test('the bytes of a key in Z85', (t) => {
  // The test case of rfc.zeromq.org 32.
  t.is(z85Bytes('HelloWorld').toString('hex'), '864fd26fb559f75b');
  t.is(z85Bytes(curveKeyPair().publicKey).length, 32);
});

test('the keys that a side needs must all be there, and be keys', (t) => {
  const variable = (name: string): string => `ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_${name}`;
  const pair = curveKeyPair();
  const all = {
    [variable('CLIENT_PUBLICKEY')]: pair.publicKey,
    [variable('CLIENT_SECRETKEY')]: pair.secretKey,
    [variable('SERVER_PUBLICKEY')]: pair.publicKey,
  };
  t.is(curveKeys('auto', 'connect', {}), undefined);
  t.is(curveKeys('off', 'connect', all), undefined);
  t.like(curveKeys('auto', 'connect', all), { client: pair, server: { publicKey: pair.publicKey } });
  t.throws(() => curveKeys('auto', 'bind', all), {
    code: 'curve_keys_invalid',
    message: /SERVER_SECRETKEY is not set$/,
  });
  t.throws(() => curveKeys('on', 'connect', {}), { code: 'curve_keys_invalid' });
  const broken = { ...all, [variable('CLIENT_SECRETKEY')]: 'secret' };
  const error = t.throws(() => curveKeys('auto', 'connect', broken), { code: 'curve_keys_invalid' });
  t.regex(error.message, /CLIENT_SECRETKEY is no key/);
  t.false(error.message.includes('secret '));
});
