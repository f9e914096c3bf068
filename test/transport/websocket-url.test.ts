import test from 'ava';
import { parseWebsocketUrl } from '../../src/transport/websocket-url.js';

test('URLs of WebSocket servers, in their one spelling', (t) => {
  const cases: [string, string, number, string][] = [
    ['ws://zeek.example', 'ws://zeek.example:27759', 27759, ''],
    ['WS://Zeek.Example:1234/', 'ws://zeek.example:1234', 1234, ''],
    ['ws://h:80', 'ws://h:80', 80, ''],
    ['ws://h:80/x', 'ws://h:80/x', 80, '/x'],
    ['ws://h:443', 'ws://h:443', 443, ''],
    ['wss://h:443?verify=no', 'wss://h:443?verify=no', 443, ''],
    ['wss://[::1]:80', 'wss://[::1]:80', 80, ''],
    ['ws://[::1]', 'ws://[::1]:27759', 27759, ''],
    ['wss://h?verify=yes', 'wss://h:27759', 27759, ''],
    ['wss://h?ca=%2Fa%20b', 'wss://h:27759?ca=%2Fa+b', 27759, ''],
  ];
  for (const [text, url, port, path] of cases) {
    t.like(parseWebsocketUrl(text), { url, port, path }, text);
    t.like(parseWebsocketUrl(url), { url, port, path }, url);
  }
  t.deepEqual(parseWebsocketUrl('wss://h?ca=x').tls, { ca: 'x', verify: true });
  t.is(parseWebsocketUrl('ws://h').tls, undefined);
});

test('URLs that are refused', (t) => {
  for (const text of [
    'ws://',
    'ws://h:0',
    'ws://h:99999',
    'ws://u:p@h',
    'ws://h?verify=no',
    'ws://h?ca=x',
    'wss://h?verify=maybe',
    'wss://h?verify=no&ca=x',
    'wss://h?tls=off',
    'ws://h#x',
  ]) {
    t.throws(() => parseWebsocketUrl(text), { code: 'endpoint_url_invalid' }, text);
  }
});
